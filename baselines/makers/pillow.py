"""`pillow`: what `Image.save(…, save_all=True)` makes of RGB frames."""

from __future__ import annotations

import io

import PIL
from PIL import Image

from gifbench import MakerClip, UsageError


class PillowMaker:
    """256 colors by median cut for each frame, without dithering; equal frames are merged.

    Pillow holds a byte a pixel of all frames until it writes.
    """

    variants = ("",)
    summary = "Pillow's Image.save(save_all=True): a palette a frame, 256 colors by median cut, no dithering"
    dithered = False

    def __init__(self, variant: str) -> None:
        if variant:
            raise UsageError(f'there is no maker "pillow-{variant[:60]}": pillow has no variants')

    @property
    def version(self) -> str:
        """Of Pillow."""
        return f"Pillow {PIL.__version__}"

    def make(self, clip: MakerClip) -> bytes:
        """The GIF file."""
        images = map(Image.fromarray, clip.frames())
        file = io.BytesIO()
        durations = [10 * delay for delay in clip.delays]
        next(images).save(file, format="GIF", save_all=True, append_images=images, duration=durations, loop=0)
        return file.getvalue()
