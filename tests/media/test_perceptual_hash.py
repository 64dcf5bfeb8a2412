"""What a clip looks like, in bits: held against Pillow's gray and small pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from gifbench.media.perceptual_hash import frame_hash


def by_pillow(pixels):
    small = Image.fromarray(pixels).convert("L").resize((17, 16), Image.Resampling.BOX)
    gray = np.asarray(small, np.int16)
    return np.packbits(gray[:, 1:] > gray[:, :-1] + 1).tobytes()


@pytest.mark.parametrize(
    "shape", [(360, 636), (256, 256), (338, 600), (37, 53), (16, 17), (17, 16), (1, 1), (3, 640), (15, 18), (320, 200)]
)
def test_a_frame_has_the_bits_that_pillow_gives(shape):
    random = np.random.default_rng(5)
    noise = random.integers(0, 256, (*shape, 3), np.uint8)
    nearly_flat = (noise // 16 + 90).astype(np.uint8)
    for pixels in (noise, nearly_flat, np.full_like(noise, 77), np.full_like(noise, 255)):
        assert frame_hash(pixels) == by_pillow(pixels)


def test_pixels_need_not_lie_together():
    pixels = np.random.default_rng(6).integers(0, 256, (40, 90, 3), np.uint8)
    assert frame_hash(pixels[::2, 5:70]) == by_pillow(np.ascontiguousarray(pixels[::2, 5:70]))
