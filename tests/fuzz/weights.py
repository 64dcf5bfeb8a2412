"""Weights: safetensors whose header, card or tensors are not what they should be, and the networks made of them."""

from __future__ import annotations

import functools
import json
import struct
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from gifbench_baselines.ccdnet.dither_classifier import ClassifierOptions, DitherClassifier
from gifbench_baselines.ccdnet.method import load_network
from gifbench_baselines.ccdnet.network import CCDNet, CCDNetArchitecture
from gifbench_baselines.ccdnet.palette_unet import PaletteUNet, PaletteUNetOptions
from gifbench_baselines.film.cartoon_network import Cartoonist, CartoonOptions
from gifbench_baselines.film.colorize_network import ColorizeOptions, Colorizer
from gifbench_baselines.pix2pix.network import Pix2PixArchitecture, UNet256
from gifbench_baselines.stabilizer.network import Stabilizer, StabilizerArchitecture
from gifbench_baselines.superslomo.network import SuperSlomo, SuperSlomoArchitecture
from gifbench_baselines.weights_lookup import described
from hypothesis import strategies as st

from gifbench.training.weights_file import read_weights, save_weights
from tests.fuzz.damage import JSON_VALUES, Draw, damaged, edited, written
from tests.fuzz.target import MOST_BYTES, Target, ends_well

_MAKERS = (
    load_network,
    lambda weights: described(weights, ClassifierOptions, lambda found: DitherClassifier(base=found.base), what="x"),
    lambda weights: described(weights, Pix2PixArchitecture, UNet256, what="x"),
    lambda weights: described(weights, StabilizerArchitecture, Stabilizer, what="x"),
    lambda weights: described(weights, SuperSlomoArchitecture, SuperSlomo, what="x"),
    lambda weights: described(weights, ColorizeOptions, Colorizer, what="x"),
    lambda weights: described(weights, CartoonOptions, Cartoonist, what="x"),
)
_TYPES = ("F32", "F16", "BF16", "F64", "F8_E4M3", "F8_E5M2", "I64", "U8", "BOOL", "C64", "F4", "x")


def _read(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "network.safetensors"
        path.write_bytes(data)
        weights = ends_well(lambda: read_weights(path))
        for make in _MAKERS if weights is not None else ():
            ends_well(lambda make=make: make(weights))  # type: ignore[misc]


@functools.cache
def _seeds() -> list[bytes]:
    ccdnet = CCDNetArchitecture(base=4)
    unet = PaletteUNetOptions(widths=(4, 8), blocks=(1, 1))
    colorize = ColorizeOptions(widths=(8, 8), blocks=(1, 1))
    networks = (
        (CCDNet(ccdnet), {"network": "ccdnet", **ccdnet.model_dump()}),
        (PaletteUNet(unet), {"network": "palette-unet", **unet.model_dump()}),
        (Colorizer(colorize), colorize.model_dump(mode="json")),
        (DitherClassifier(base=2), {"network": "dither-classifier", "base": 2}),
    )
    with TemporaryDirectory() as folder:
        made = []
        for network, architecture in networks:
            path = save_weights(Path(folder) / "w.safetensors", network, architecture=architecture, about={"name": "w"})
            made.append(path.read_bytes())
    assert all(len(data) <= MOST_BYTES for data in made), list(map(len, made))
    return made


@st.composite
def _crafted(draw: Draw, seeds: Sequence[bytes]) -> bytes:
    """Tensors of other types and shapes under a header that may not fit, with a card that may be any JSON."""
    seed = draw(st.sampled_from(seeds))
    (length,) = struct.unpack_from("<Q", seed)
    header, body = json.loads(seed[8 : 8 + length]), seed[8 + length :]
    kind = draw(st.sampled_from(("card", "card", "card", "type", "header", "bytes")))
    if kind == "card":
        card = draw(edited(json.loads(header["__metadata__"]["gifbench"])))
        header["__metadata__"]["gifbench"] = written(
            draw(JSON_VALUES) if draw(st.integers(0, 5)) == 0 else card
        ).decode()
    elif kind == "type":
        name = draw(st.sampled_from(sorted(set(header) - {"__metadata__"})))
        header[name]["dtype"] = draw(st.sampled_from(_TYPES))
        if draw(st.booleans()):
            begin, end = header[name]["data_offsets"]
            size = {"F64": 8, "I64": 8, "C64": 8, "F32": 4, "F16": 2, "BF16": 2}.get(header[name]["dtype"], 1)
            header[name]["shape"] = [(end - begin) // size]
    elif kind == "header":
        header = draw(edited(header))
    text = written(header)
    data = struct.pack("<Q", draw(st.sampled_from((len(text),) * 9 + (2**63,)))) + text + body
    return draw(damaged([data])) if kind == "bytes" else data


TARGETS = (Target("weights", _read, _seeds, _crafted),)
