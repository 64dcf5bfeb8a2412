"""The clips that the weights which come with gifbench learn from, in one folder that `gifbench build` takes.

    python benchmarks/training_clips.py OUT --media MEDIA [--split test]

docs/weights.md has the commands that come after it.

MEDIA is the folder of the test media: `clips/faces`, `clips/moments`, `more/train` and `photos`, each with its
SOURCES.csv. What `held_out.py` names, what is of split `test` and what SOURCES.csv does not call redistributable stays
out. OUT gets excerpts as lossless videos: of each video some spans of a few frames in a row, at equal distances; of
each photograph slow pans and zooms; the short side 432 pixels. The photographs of scikit-image that are free to use
come, too.

`--split test` writes what is kept back to measure on instead, `held_out.py`'s clips and split `test`, whatever its
licence: one excerpt each, 25 frames, the short side 360 pixels.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import skimage.data
from held_out import HELD_OUT

from gifbench import DatasetClip, Pixels, open_dataset
from gifbench.errors import CorruptMedia
from gifbench.media.video.decoding import Frame, decode
from gifbench.media.video.lossless_writer import LosslessWriter

PHOTOGRAPHS = (
    "astronaut",
    "brick",
    "camera",
    "chelsea",
    "coffee",
    "grass",
    "gravel",
    "hubble_deep_field",
    "immunohistochemistry",
    "retina",
    "rocket",
)
"""In the public domain, CC0 or without known restrictions, as their docstrings say; inside scikit-image's wheel."""

_MULTIPLE = 12
_RATE = Fraction(25)


@dataclass(frozen=True, slots=True)
class Layout:
    """How excerpts are taken: their frames, how many of a video and of a photograph, and pixels of the short side."""

    frames: int
    excerpts: int
    pans: int
    short_side: int


LAYOUTS = {"train": Layout(7, 4, 3, 432), "test": Layout(25, 1, 1, 360)}


@dataclass(frozen=True, slots=True)
class Source:
    """A file of the media folder that training may see, by whose leave, and whether it is a photograph."""

    path: Path
    licence: str
    credit: str
    still: bool = False


def sources(media: Path, split: str = "train") -> list[Source]:
    """All files of the media folder that training may see, or those kept back to measure on, in a fixed order."""
    learned = split == "train"
    found = [
        Source(media / "clips" / row["file"], row["licence"], _credit(row))
        for row in _rows(media / "clips" / "SOURCES.csv")
        if row["file"].startswith(("faces/", "moments/")) and Path(row["file"]).name.startswith(HELD_OUT) != learned
    ]
    found += [
        Source(media / "more" / row["file"], row["licence"], row["credit"])
        for row in _rows(media / "more" / "SOURCES.csv")
        if row["split"] == split and (row["redistributable"] == "yes" or not learned)
    ]
    found += [
        Source(media / "photos" / row["file"], row["licence"], row["credit"], still=True)
        for row in _rows(media / "photos" / "SOURCES.csv")
        if row["split"] == split
    ]
    return found


def _credit(row: dict[str, str]) -> str:
    """Whom a row without a column for it names in its note, else where the file is from."""
    return row["note"].partition("credit ")[2] or row["source"].split("@")[0].removeprefix("github:")


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def excerpts(path: Path, layout: Layout) -> Iterator[list[Pixels]]:
    """Spans of frames in a row of a video, at equal distances; fewer where they would overlap."""
    total = sum(1 for _ in intact(path))
    count = max(1, min(layout.excerpts, total // layout.frames))
    length = min(layout.frames, total)
    starts = [(2 * number + 1) * (total - length) // (2 * count) for number in range(count)]
    wanted = {start + step: number for number, start in enumerate(starts) for step in range(length)}
    spans: list[list[Pixels]] = [[] for _ in starts]
    for frame in intact(path):
        if frame.index in wanted:
            height, width = scaled_shape(frame.pixels.shape[:2], layout)
            filtered = cv2.INTER_AREA if height < frame.pixels.shape[0] else cv2.INTER_LINEAR
            resized = cv2.resize(frame.pixels, (width, height), interpolation=filtered)
            spans[wanted[frame.index]].append(np.asarray(resized, np.uint8))
    yield from spans


def intact(path: Path) -> Iterator[Frame]:
    """The frames of a video, up to the first damaged one."""
    with contextlib.suppress(CorruptMedia):
        yield from decode(path)


def scaled_shape(shape: Sequence[int], layout: Layout) -> tuple[int, int]:
    """Height and width with the layout's short side, both multiples of 12."""
    height, width = (side * layout.short_side // min(shape) // _MULTIPLE * _MULTIPLE for side in shape)
    return height, width


def pans(pixels: Pixels, layout: Layout, *, seed: int) -> Iterator[list[Pixels]]:
    """Slow moves over a photograph: the window drifts by up to 3 pixels a frame, and grows or shrinks by up to 1%.

    The first one sees the whole photograph, but for a border.
    """
    draw = np.random.default_rng(seed)
    height, width = pixels.shape[:2]
    for number in range(layout.pans):
        part = float(draw.uniform(0.5, 0.9)) if number else 0.94
        zoom, drift = float(draw.uniform(-0.01, 0.01)), draw.uniform(-3, 3, 2)
        middle = draw.uniform(0, 1, 2) if number else np.full(2, 0.5)
        out_height, out_width = scaled_shape((round(height * part), round(width * part)), layout)
        frames: list[Pixels] = []
        for step in range(-(layout.frames // 2), layout.frames - layout.frames // 2):
            rows, columns = (min(side, side * part * (1 + zoom * step)) for side in (height, width))
            moved = drift * step * rows / out_height
            top = float(np.clip((height - rows) * middle[0] + moved[0], 0, height - rows))
            left = float(np.clip((width - columns) * middle[1] + moved[1], 0, width - columns))
            frames.append(_window(pixels, top, left, rows, columns, out_height, out_width))
        yield frames


def _window(pixels: Pixels, top: float, left: float, rows: float, columns: float, height: int, width: int) -> Pixels:
    """A window of fractional place and size, scaled with antialiasing."""
    y, x = rows / height, columns / width
    sigma = 0.4 * (y - 1)
    source = cv2.GaussianBlur(pixels, (0, 0), sigma) if sigma > 0.1 else pixels
    matrix = np.array([[x, 0, left + x / 2 - 0.5], [0, y, top + y / 2 - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(source, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def read_photograph(path: Path) -> Pixels:
    """An RGB picture (H, W, 3)."""
    return np.asarray(cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)


def source_of(clip: DatasetClip) -> str:
    """What an excerpt is of: the name of the file, by that of the clip."""
    return clip.clip_id.rpartition("__")[0]


def drawn_frames(dataset: str, rounds: int) -> Iterator[tuple[DatasetClip, int, np.random.Generator]]:
    """Of a dataset built from OUT a frame of every source in each round: its clip, its number, and what to draw by."""
    excerpts_of: dict[str, list[DatasetClip]] = {}
    for clip in open_dataset(dataset).split("train"):
        excerpts_of.setdefault(source_of(clip), []).append(clip)
    for turn in range(rounds):
        for number, (_, clips) in enumerate(sorted(excerpts_of.items())):
            draw = np.random.default_rng([turn, number])
            clip = clips[draw.integers(len(clips))]
            yield clip, int(draw.integers(clip.num_frames)), draw


def write(out: Path, frames: Sequence[Pixels]) -> None:
    """Write frames of one size as a lossless video."""
    height, width = frames[0].shape[:2]
    with LosslessWriter(out, width=width, height=height, frame_rate=_RATE) as writer:
        for pixels in frames:
            writer.add(np.ascontiguousarray(pixels))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--media", type=Path, required=True, help="the folder of the test media")
    parser.add_argument("--split", choices=LAYOUTS, default="train", help="what to learn from, or what was kept back")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    layout, files, written = LAYOUTS[given.split], sources(given.media, given.split), 0
    for source in files:
        moves = (
            pans(read_photograph(source.path), layout, seed=zlib.crc32(source.path.name.encode()))
            if source.still
            else excerpts(source.path, layout)
        )
        for number, frames in enumerate(moves):
            write(given.out / f"{source.path.stem}__{number}.mkv", frames)
            written += 1
    for name in PHOTOGRAPHS if given.split == "train" else ():
        pixels = getattr(skimage.data, name)()
        if pixels.ndim == 2:
            pixels = np.repeat(pixels[:, :, None], 3, axis=2)
        first = next(pans(np.ascontiguousarray(pixels), layout, seed=zlib.crc32(name.encode())))
        write(given.out / f"scikit-image__{name}.mkv", first)
        written += 1
    print(f"{given.out}: {written} excerpts of {len(files)} files")


if __name__ == "__main__":
    main()
