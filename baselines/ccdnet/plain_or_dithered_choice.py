"""`ccdnet`: the network that fits the GIF, plain or dithered, of the nearest palette size."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import groupby
from pathlib import Path

import numpy as np
import torch

from gifbench import Gif, MethodError, last_shown, read_weights

from .. import weights_lookup
from ..half_precision_and_winograd import PARTS_A_THREAD, Precision
from ..weights_lookup import described
from .correction_guard import Guard, GuardOptions
from .dither_classifier import ClassifierOptions, DitherClassifier
from .method import TILE, Restorer
from .network import scaled
from .wide_gradients import WideGradients, WideGradientsOptions

_AT_ONCE = 1 << 21
"""Pixels that an accelerator is given at once, and several threads of a CPU, which have a frame each in any case."""

_NETWORK = re.compile(r"(?:ccdnet-)?(plain|dithered)(?:-([1-9]\d{0,2}))?")
_CLASSIFIERS = ("dither-classifier", "classifier")
_GUARD = "ccdnet-guard"
_GRADIENTS = {False: "ccdnet-plain-gradients", True: "ccdnet-dithered-gradients"}
_USUAL_COLORS = 32
_TELLING = 1.5


class Router:
    """Chooses between networks by the GIF itself: dithered or not, and the nearest palette size.

    `weights` is a folder that holds `dither-classifier.safetensors`, `ccdnet-plain.safetensors` and
    `ccdnet-dithered.safetensors`; without it, those that come with gifbench. Networks for other palette sizes than 32
    lie beside them, named `ccdnet-plain-128.safetensors` and so on. A GIF is dithered if the first frames of its
    quarters are, on the mean; its palette size is the median over its frames. Where `ccdnet-guard.safetensors` lies
    there, too, it says pixel by pixel how much of the network's change is taken, and what comes out is made to agree
    with the palette, unless `agreement` is false. Where `ccdnet-plain-gradients.safetensors` or
    `ccdnet-dithered-gradients.safetensors` lies there as well, wide gradients of such GIFs are then smoothed as far as
    the palette allows, unless `gradients` or `agreement` is false.
    """

    version = "5"
    backend = "torch"

    def __init__(
        self,
        *,
        weights: str = "",
        agreement: bool = True,
        gradients: bool = True,
        tile: int = TILE,
        precision: Precision = "fp32",
    ) -> None:
        folder = Path(weights) if weights else weights_lookup.WEIGHTS
        files = {path.stem: path for path in sorted(folder.glob("*.safetensors"))}
        named = {name: found for name in files if (found := _NETWORK.fullmatch(name))}
        classifiers = [files[name] for name in _CLASSIFIERS if name in files]
        kinds = {found[1] for found in named.values()}
        if not classifiers or kinds != {"plain", "dithered"}:
            raise MethodError(
                f"method ccdnet lacks weights in {folder if weights else 'the package'}: train them by `gifbench train "
                "ccdnet-plain-small --data DATASET`, then likewise ccdnet-dithered-small, ccdnet-plain-wide, "
                "ccdnet-dithered-wide, ccdnet-plain, ccdnet-dithered and dither-classifier, put the .safetensors of "
                "the last three into a folder, and name it, ccdnet:weights=FOLDER"
            )
        self._classifier = described(
            read_weights(classifiers[0]),
            ClassifierOptions,
            lambda options: DitherClassifier(base=options.base),
            what="dither classifier",
        )
        guard = read_weights(files[_GUARD]) if _GUARD in files else None
        self._guard = None if guard is None else described(guard, GuardOptions, Guard, what="guard")
        if self._guard is not None:
            self._guard.agrees = agreement
        smooths = gradients and agreement and guard is not None
        wide = {kind: read_weights(files[name]) for kind, name in _GRADIENTS.items() if smooths and name in files}
        self._gradients = {
            kind: described(found, WideGradientsOptions, WideGradients, what="network for wide gradients")
            for kind, found in wide.items()
        }
        self._networks = {
            (found[1] == "dithered", int(found[2] or _USUAL_COLORS)): Restorer(
                read_weights(files[name]),
                tile=tile,
                precision=precision,
                guard=self._guard,
                gradients=self._gradients.get(found[1] == "dithered"),
                dithered=found[1] == "dithered",
                alone=True,
            )
            for name, found in named.items()
        }
        self.weights = str(folder)
        licenses = [each.licence for each in self._networks.values()]
        licenses += [str(each.about.get("licence") or "") for each in (guard, *wide.values()) if each is not None]
        self.licence = " + ".join(dict.fromkeys(each for each in licenses if each))
        others = [each for each in (self._classifier, self._guard, *self._gradients.values()) if each is not None]
        self.parameters = sum(each.parameters for each in self._networks.values()) + sum(
            each.numel() for network in others for each in network.parameters()
        )
        self._device = "cpu"

    def to(self, device: str) -> None:
        """Move all networks."""
        self._device = device
        self._classifier.to(device)
        if self._guard is not None:
            self._guard.to(device)
        for network in self._networks.values():
            network.network.to(device)

    def choose(self, gif: Gif) -> tuple[bool, int]:
        """Whether the network for dithered GIFs is taken, and for how many colors."""
        some = sorted({len(gif) * quarter // 4 for quarter in range(4)})
        with torch.inference_mode():
            frames = torch.from_numpy(np.stack([gif.frame(i) for i in some])).to(self._device)
            margins = [self._margin(frame) for frame in frames]
        dithered = sum(margins) > 0
        sizes = sorted(len(palette) for palette in gif.palettes)
        colors = sizes[len(sizes) // 2]
        known = [size for kind, size in self._networks if kind == dithered]
        return dithered, min(known, key=lambda size: (abs(math.log(size / colors)), size))

    def restorer(self, gif: Gif) -> Restorer:
        """The network that `choose` chooses."""
        return self._networks[self.choose(gif)]

    def _margin(self, frame: torch.Tensor) -> float:
        """Above 0 where a frame (H, W, 3) uint8 is dithered.

        From 64 colors on dithering shows in some places only, and the mean of all logits, which is the paper's, took
        51 of 750 dithered frames for plain ones. The mean of the most telling tenth takes 19, and of 250 plain ones
        none for dithered.
        """
        logits = self._classifier.places(scaled(frame.permute(2, 0, 1)[None])).flatten()
        return float(logits.topk(max(1, len(logits) // 10)).values.mean()) - _TELLING

    def restore(self, gif: Gif, times: Sequence[Fraction]) -> Iterator[torch.Tensor]:
        """The frames at `times`, the last shown one held; an accelerator is given many at once, a CPU some a thread."""
        network = self.restorer(gif)
        shown = [(i, len(list(same))) for i, same in groupby(last_shown(gif.times, times))]
        pixels = gif.height * gif.width
        size = max(1, _AT_ONCE // pixels)
        if self._device == "cpu":
            threads = torch.get_num_threads()
            size = min(max(threads, size), threads * PARTS_A_THREAD) if threads > 1 else 1
        for start in range(0, len(shown), size):
            part = shown[start : start + size]
            frames = torch.from_numpy(np.stack([gif.frame(i) for i, _ in part]))
            restored = network.restore(frames, [torch.from_numpy(gif.palettes[i].copy()) for i, _ in part])
            if all(count == 1 for _, count in part):
                yield restored
                continue
            for place, (_, count) in enumerate(part):
                for _ in range(count):
                    yield restored[place : place + 1]
