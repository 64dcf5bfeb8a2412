"""What ccdnet-video's network sees: loops over rows give what whole frames would, to the bit."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gifbench_baselines.ccdnet.palette_unet import ResidualUNet, beside
from gifbench_baselines.temporal_fusion.alignment import (
    CHANNELS,
    Motion,
    RestoredFrame,
    describe,
    folded_input,
    network_input,
)
from torch.nn import functional

from gifbench import optical_flow, warp
from tests.baselines.test_interpolation import photograph

pytestmark = pytest.mark.usefixtures("one_thread")


def frame(shift: int, height: int, width: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A restored frame that is no whole levels, its GIF frame and that one's palette."""
    shown = photograph(shift, height=height, width=width) // 32 * 32
    palette = np.unique(shown.reshape(-1, 3), axis=0)
    noise = np.random.default_rng(shift).normal(0, 6, shown.shape)
    restored = np.clip(photograph(shift, height=height, width=width) + noise, 0, 255).astype(np.float32)
    return torch.from_numpy(restored), torch.from_numpy(shown), torch.from_numpy(palette)


def differences(base: torch.Tensor, *parts: np.ndarray) -> list[torch.Tensor]:
    *frames, cell = (torch.from_numpy(np.asarray(part, np.float32)) for part in parts)
    return [*(((each / 127.5 - 1) - base) * 8 for each in frames), cell[..., None]]


def whole_frames(middle: RestoredFrame, neighbors: list[RestoredFrame | None]) -> torch.Tensor:
    """`network_input` as torch and numpy say it, with a pass over the frame for each step."""
    restored, cell = middle.picture[..., :3], middle.picture[..., 3]
    base = torch.from_numpy(restored.copy()) / 127.5 - 1
    own = differences(base, restored, middle.displayed, cell)
    parts = [base, *own[1:]]
    for neighbor in neighbors:
        if neighbor is None:
            parts += own
            continue
        picture = neighbor.picture
        flow = optical_flow(restored, picture[..., :3])
        moved = [warp(each, flow) for each in (picture[..., :3], neighbor.displayed, picture[..., 3])]
        red, green, blue = np.moveaxis(np.square(moved[0] - restored), 2, 0)
        near = cv2.blur(np.sqrt(red + green + blue), (5, 5)) <= np.maximum(24 * cell, 1.5)
        seen = differences(base, *moved)
        parts += [
            torch.where(torch.from_numpy(near)[..., None], theirs, ours) for theirs, ours in zip(seen, own, strict=True)
        ]
    return torch.cat(parts, dim=2).permute(2, 0, 1)


@pytest.mark.parametrize(("height", "width"), [(48, 64), (51, 77), (16, 130)])
@pytest.mark.parametrize("places", [(0, 1, 2, 3), (None, None, 1, 0), (2, 3, 3, 2), (None,) * 4])
def test_loops_give_what_whole_frames_give(height, width, places):
    middle = describe(*frame(0, height, width))
    others = [describe(*frame(shift, height, width)) for shift in (2, 5, 9, 30)]
    neighbors = [None if place is None else others[place] for place in places]
    wanted = whole_frames(middle, neighbors)
    assert wanted.shape == (CHANNELS, height, width)
    motion = Motion()
    for _ in range(2):  # what is kept from frame to frame changes nothing
        assert torch.equal(network_input(middle, neighbors, motion=motion), wanted)
    stride = 16
    more = (0, -width % stride, 0, -height % stride)
    folded = functional.pixel_unshuffle(functional.pad(wanted[None], more, mode="replicate"), 2)
    found = folded_input(middle, neighbors, stride=stride)
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(found, folded)


def test_a_described_frame_holds_the_way_to_the_next_color():
    restored, shown, palette = frame(3, 40, 52)
    made = describe(restored, shown, palette)
    way = beside(shown.permute(2, 0, 1)[None], palette[None])[0, :3]
    assert np.array_equal(made.picture[..., :3], restored)
    assert np.array_equal(made.picture[..., 3], way.square().sum(dim=0).sqrt())
    gray = cv2.cvtColor(np.rint(restored.numpy()).clip(0, 255).astype(np.uint8), cv2.COLOR_RGB2GRAY)
    assert made.gray.shape == (48, 52)
    assert np.array_equal(made.gray[:40], gray)
    assert np.array_equal(made.displayed, shown)


def test_a_frame_and_its_folded_correction_are_what_the_network_gives():
    torch.manual_seed(0)
    network = ResidualUNet((4, 8), (1, 1), inputs=5).eval()
    torch.nn.init.normal_(network.head.weight, std=0.1)
    x = torch.rand(1, 5, 16, 24)
    with torch.inference_mode():
        assert torch.equal(network(x), x[:, :3] + network.correction(functional.pixel_unshuffle(x, 2)))


def test_in_half_precision_what_is_folded_and_what_is_not_give_the_same():
    torch.manual_seed(0)
    network = ResidualUNet((8, 16), (1, 1), inputs=CHANNELS).eval()
    torch.nn.init.normal_(network.head.weight, std=0.1)
    middle, *neighbors = (describe(*frame(shift, 48, 64)) for shift in (0, 2, 5, 9, 30))
    x, folded = network_input(middle, neighbors)[None], folded_input(middle, neighbors, stride=network.stride)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        more = network.correction(folded)
        assert torch.equal(network.correction(folded.bfloat16()), more)
        assert torch.equal(network(x), x[:, :3] + more)
    assert more.dtype == torch.float32
