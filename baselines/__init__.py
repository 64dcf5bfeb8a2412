"""The methods that the paper and the leaderboard compare, written against the public API alone.

`METHODS` is the table of them, which the entry point of pyproject.toml names: to add a method, add a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from gifbench import MethodEntry


def _method(place: str, summary: str, **more: Any) -> MethodEntry:  # noqa: ANN401 - fields of the entry
    """A method whose class is at this place in the package."""
    return MethodEntry(load=f"gifbench_baselines.{place}", summary=summary, **more)


_mit = partial(_method, license="MIT")
_torch = partial(_method, needs=("torch",))


def _ccdnet(name: str, summary: str, *, parameters: int, steps: int = 1, backbone: str | None = None) -> MethodEntry:
    """A CCDNet of so many steps: with weights of its own name, or those that the option `weights` names."""
    attributes = {"row": name, "default_steps": steps, "backbone": backbone}
    return _torch("ccdnet.method:CCDNetMethod", summary, parameters=parameters, ready=False, attributes=attributes)


_one_step = partial(_ccdnet, parameters=14_789_059)
_two_steps = partial(_ccdnet, parameters=29_583_302, steps=2)
_three_steps = partial(_ccdnet, parameters=29_583_302, steps=3)


def _small(name: str, summary: str) -> MethodEntry:
    """One of the two networks that the method `ccdnet` chooses between."""
    return _torch("ccdnet.method:SmallNetwork", summary, parameters=5_319_404, attributes={"row": name})


METHODS: Mapping[str, MethodEntry] = {
    # The GIF's own frames, and the classical methods.
    "gif": _mit("unrestored_gif:IdentityGif", "the GIF as it is shown"),
    "nearest": _mit("unrestored_gif:NearestGif", "the GIF's frame nearest in time", restores="time"),
    "gaussian": _mit(
        "gaussian:Gaussian",
        "gaussian smoothing of each frame (Table 1, rows 12 and 13)",
        presets={"gaussian-0.5": {"sigma": 0.5}, "gaussian-1.0": {"sigma": 1.0}},
    ),
    "fcdr": _mit(
        "false_contour_removal:Fcdr",
        "false contours found and averaged (Table 1, row 11)",
        presets={"fcdr": {"scale": 1.0}, "fcdr-tuned": {"scale": 5.0}},
    ),
    "palette-smooth": _mit(
        "palette_smooth:PaletteSmooth", "edge-preserving smoothing within the cells of the palette's colors"
    ),
    "undither": _mit(
        "undither:Undither", "smoothing between colors that have no other color of the palette between them"
    ),
    "ffmpeg-deband": _method(
        "ffmpeg_filters:FfmpegDeband", "ffmpeg's filter deband (libavfilter through PyAV)", license="LGPL-2.1-or-later"
    ),
    "ffmpeg-gradfun": _method(
        "ffmpeg_filters:FfmpegGradfun",
        "ffmpeg's filter gradfun (libavfilter through PyAV)",
        license="LGPL-2.1-or-later",
    ),
    "spandrel": _method(
        "community_model:CommunityModel",
        "any community model that spandrel loads: spandrel:weights=FILE; larger scales are shrunk back",
        needs=("torch", "spandrel"),
        ready=False,
    ),
    # Color, learned. Rows are those of the paper's Table 1.
    "ccdnet": _torch(
        "ccdnet.plain_or_dithered_choice:Router",
        "CCDNet for this GIF: plain or dithered network, nearest palette size",
        parameters=11_814_372,
    ),
    "ccdnet-video": _torch(
        "temporal_fusion.method:CCDNetVideo",
        "ccdnet, each frame corrected by its neighbors in time, moved along DIS flow",
        parameters=14_334_080,
    ),
    "ccdnet-plain": _small("ccdnet-plain", "the network for plain GIFs that ccdnet chooses"),
    "ccdnet-dithered": _small("ccdnet-dithered", "the network for dithered GIFs that ccdnet chooses"),
    "ccdnet-1": _one_step("ccdnet-1", "CCDNet of one step, without the adversarial loss (row 5)"),
    "ccdnet-1-adv": _one_step("ccdnet-1-adv", "CCDNet of one step (row 3)"),
    "ccdnet-1-nograd": _one_step("ccdnet-1-nograd", "CCDNet of one step, without the gradient loss (row 4)"),
    "ccdnet-2": _two_steps("ccdnet-2", "CCDNet of two steps, without the adversarial loss (row 8, the paper's best)"),
    "ccdnet-2-adv": _two_steps("ccdnet-2-adv", "CCDNet of two steps (row 6)"),
    "ccdnet-2-nograd": _two_steps("ccdnet-2-nograd", "CCDNet of two steps, without the gradient loss"),
    "ccdnet-3": _three_steps("ccdnet-3", "CCDNet of three steps, without the adversarial loss (row 9)"),
    "ccdnet-3-adv": _three_steps("ccdnet-3-adv", "CCDNet of three steps (row 7)"),
    "ccdnet-3-nograd": _three_steps("ccdnet-3-nograd", "CCDNet of three steps, without the gradient loss"),
    "ccdnet-drrn": _ccdnet("ccdnet-drrn", "CCDNet of one step of a DRRN (row 1)", parameters=301_824, backbone="drrn"),
    "ccdnet-glcic": _ccdnet(
        "ccdnet-glcic", "CCDNet of one step of a GLCIC (row 2)", parameters=6_067_555, backbone="glcic"
    ),
    "ccdnet-joint": _one_step("ccdnet-joint", "CCDNet of one step, for plain and dithered GIFs (Figure 6)"),
    "ccdnet-naf": _ccdnet(
        "ccdnet-naf", "CCDNet of two steps, NAFNet-style", parameters=12_022_158, steps=2, backbone="naf"
    ),
    "pix2pix": _torch(
        "pix2pix.method:Pix2Pix",
        "a U-Net trained by L1 and adversarially (Isola et al., CVPR 2017; row 10)",
        parameters=54_413_955,
        ready=False,
    ),
    # Time.
    "blend": _mit("interpolation.blend:Blend", "linear blend of the GIF frames around", restores="time"),
    "dis": _mit("interpolation.dis:Dis", "motion-compensated with OpenCV's DIS flow", restores="time"),
    "superslomo": _torch(
        "superslomo.method:SuperSlomoMethod",
        "SuperSlomo as adapted by GIF2Video (CVPR 2019); the weights that come along correct OpenCV's flow",
        parameters=2_795_057,
        restores="time",
    ),
    "superslomo-original": _torch(
        "superslomo.method:SuperSlomoOriginal",
        "SuperSlomo (Jiang et al., CVPR 2018)",
        parameters=39_608_169,
        restores="time",
        ready=False,
    ),
    # What is made of films, frame by frame.
    "colorize": _torch(
        "film.colorize_method:Colorize",
        "chroma for a luminance, by a small U-Net with self-attention",
        parameters=1_543_881,
    ),
    "cartoon": _torch(
        "film.cartoon_method:Cartoon",
        "the generator of CartoonGAN (Chen et al., CVPR 2018)",
        parameters=11_129_667,
        ready=False,
    ),
    # Both, and what goes around another method.
    "gif2video": _method(
        "color_then_interpolation:Gif2Video",
        "a color method, then an interpolator",
        parameters=14_609_429,
        restores="both",
    ),
    "stable": _torch(
        "stabilizer.method:Stable",
        "a method, steadied by the ConvLSTM of Lai et al. (ECCV 2018)",
        parameters=426_135,
    ),
}
"""Every method by name. `parameters` are of the weights that come along, or of the paper's network where none do."""
