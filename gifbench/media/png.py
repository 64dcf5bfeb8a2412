"""Single pictures as PNG."""

from __future__ import annotations

import io
import zlib

import numpy as np
from PIL import Image

from gifbench.media.clip import Pixels


def png_bytes(pixels: Pixels) -> bytes:
    """An RGB picture, uint8 (H, W, 3), as a PNG file: packed quickly, as suits photographs, rather than tightly."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return file.getvalue()
