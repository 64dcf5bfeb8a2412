"""The truth of a clip on its way into the dataset: its frames without loss, or packets of the source proven by them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from gifbench.builder.recipe import Recipe, SourceVideo
from gifbench.errors import GifbenchError, StorageError
from gifbench.media.clip import Pixels
from gifbench.media.crop_and_resize import Geometry, through_jpeg
from gifbench.media.video import CannotKeep, LosslessWriter, keep_packets, read_kept


@dataclass(frozen=True, slots=True)
class Cut:
    """What a recipe makes of a source: which frames, and which part of their pictures at what size."""

    recipe: Recipe
    video: SourceVideo
    geometry: Geometry

    def pixels(self, picture: Pixels) -> Pixels:
        """The frame of the dataset, RGB uint8 (height, width, 3), that a picture of the source becomes."""
        pixels = self.geometry.apply(picture)
        return pixels if self.recipe.jpeg is None else through_jpeg(pixels, self.recipe.jpeg)

    def lossless(self, target: Path) -> LosslessWriter:
        """A writer of the frames of the dataset."""
        return LosslessWriter(
            target,
            width=self.geometry.width,
            height=self.geometry.height,
            frame_rate=self.video.info.frame_rate,
            codec=self.recipe.truth_codec,
        )


@dataclass(frozen=True, slots=True)
class Quantized:
    """The frames that a clip's GIFs were made of, by what tells them from all others."""

    times: tuple[Fraction, ...]
    """Seconds since the first frame."""
    duration: Fraction
    pixels_sha256: str
    ends: tuple[Fraction, Fraction]
    """First and last frame on the container's clock."""
    start: Fraction
    """Seconds from the first frame of the video to that of the clip."""
    notes: tuple[str, ...]
    """What was converted in the frames, or left, that a viewer would notice."""
    look: str
    """The perceptual hash (`gifbench.media.perceptual_hash`)."""


def keep_source(cut: Cut, done: Quantized, target: Path) -> int | None:
    """Make packets of the source the truth of a clip, at `target`.

    Returns the number of the clip's first frame among the pictures of that file. Where what is read back from the
    packets is not, to the pixel, what was quantized, or packets do not go into Matroska, the frames are written without
    loss instead, and None is returned. Raises what decoding raises, and `StorageError`.
    """
    try:
        first = keep_packets(cut.video.path, *done.ends, target)
        digest = hashlib.sha256()
        for _, picture in read_kept(target, range(first, first + len(done.times))):
            digest.update(cut.pixels(picture).data)
        if digest.hexdigest() == done.pixels_sha256:
            return first
    except StorageError:
        raise
    except (CannotKeep, GifbenchError):
        pass
    target.unlink(missing_ok=True)
    with cut.lossless(target) as truth:
        for frame in cut.video.decode():
            truth.add(cut.pixels(frame.pixels))
    return None
