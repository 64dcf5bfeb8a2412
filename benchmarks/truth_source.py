"""Truth as packets of the source, and GIFs made when they are read, beside lossless truth and stored GIFs.

    GIFBENCH_TEST_DATA=… python benchmarks/truth_source.py [--seconds 2]

The real clips are built three times, a span of each, by both recipes. Bytes are of the truth members, of both GIFs,
and of all files of the dataset; those of the sources are shared among the frames of each. Reading is `clip.truth` (all
frames, decoded, and for packets cut and resized), the dithered GIF, and single frames at random of either, in processor
time, one thread. The datasets must have one fingerprint, and every frame that is read is compared. Only clips that are
kept as packets are counted.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from held_out import clips_folder

from gifbench.builder.build_loop import run_build
from gifbench.builder.recipe import load_recipe
from gifbench.dataset import Dataset, DatasetClip
from gifbench.manifest.rows import ManifestRow, from_folder
from gifbench.media.video import probe

SINGLE = 5
KINDS = {
    "lossless": {"truth": "lossless"},
    "packets": {"truth": "source"},
    "packets, GIFs made": {"truth": "source", "gifs": "generated"},
}


@dataclass
class Sums:
    """Bytes of truth and GIFs, frames, and seconds of building and of reading: the truth, a GIF, one frame of each."""

    truth: int = 0
    gifs: int = 0
    frames: int = 0
    building: float = 0.0
    reading: float = 0.0
    single: float = 0.0
    gif: float = 0.0
    gif_single: float = 0.0
    singles: int = 0


def built(
    recipe: str, kind: Mapping[str, str], rows: list[ManifestRow], folder: Path, out: Path
) -> tuple[Dataset, float]:
    settings = {**kind, **({"min_fps": 0, "min_frames": 1} if recipe == "gif-moments" else {})}
    started = time.process_time()
    dataset = run_build(load_recipe(recipe, settings), rows, str(out), sources=folder, workers=1)
    return dataset, time.process_time() - started


def read(clip: DatasetClip, sums: Sums) -> tuple[np.ndarray, np.ndarray]:
    started = time.process_time()
    frames = clip.truth.frames
    sums.reading += time.process_time() - started
    started = time.process_time()
    gif = clip.gif(dithered=True)
    sums.gif += time.process_time() - started
    dice = random.Random(clip.clip_id)
    for number in (dice.randrange(clip.num_frames) for _ in range(SINGLE)):
        started = time.process_time()
        (one,) = clip.truth_frames([number])
        sums.single += time.process_time() - started
        sums.singles += 1
        started = time.process_time()
        part = clip.gif_frames([number], dithered=True)
        sums.gif_single += time.process_time() - started
        if not (np.array_equal(one, frames[number]) and np.array_equal(part.indices[0], gif.indices[number])):
            raise ValueError(f"{clip.clip_id}: frame {number} read alone is another one")
    sums.truth += clip.row.truth.bytes
    sums.gifs += sum(getattr(clip.row, name).bytes for name in clip.row.stored if name != "truth")
    sums.frames += clip.num_frames
    return frames, gif.indices


def measure(recipe: str, folder: Path, seconds: float, scratch: Path) -> None:
    rows = [row.model_copy(update={"start": 0.5, "end": 0.5 + seconds}) for row in from_folder(folder)]
    run_build(load_recipe(recipe), rows[:1], str(scratch / "warm"), sources=folder, workers=1)
    sums = {kind: Sums() for kind in KINDS}
    datasets = {}
    for kind, settings in KINDS.items():
        datasets[kind], sums[kind].building = built(recipe, settings, rows, folder, scratch / kind)
    packets = datasets["packets"]
    if len({dataset.fingerprint for dataset in datasets.values()}) > 1:
        raise ValueError("the datasets show different pixels")
    kept = [clip for clip in packets if clip.row.truth_first is not None]
    for clip in kept:
        seen = [read(datasets[kind][clip.clip_id], sums[kind]) for kind in KINDS]
        if not all(np.array_equal(a, b) for other in seen[1:] for a, b in zip(seen[0], other, strict=True)):
            raise ValueError(f"{clip.clip_id}: other frames than without loss")
    of_sources = sum(source_bytes(folder / clip.row.locator, clip) for clip in kept)
    frames = sums["packets"].frames
    made = scratch / "packets, GIFs made"
    files = sum(path.stat().st_size for path in made.rglob("*") if path.is_file())
    others = files - sum(clip.row.truth.bytes for clip in packets)
    print(f"\n{recipe}: {len(kept)} of {len(packets)} clips kept as packets, {frames} frames")
    print(f"their part of the sources: {of_sources / frames / 1e3:.2f} KB a frame")
    print(f"beside truth, {others / len(packets) / 1e3:.1f} KB a clip where GIFs are made: headers, rows, tables")
    header = ("truth KB", "GIFs KB", "build s", "truth fps", "one frame", "GIF fps", "one frame")
    print(f"{'dataset':<19}" + "".join(f"{column:>11}" for column in header))
    for kind, total in sums.items():
        print(
            f"{kind:<19}{total.truth / frames / 1e3:>11.2f}{total.gifs / frames / 1e3:>11.2f}{total.building:>11.1f}"
            f"{frames / total.reading:>11.0f}{1000 * total.single / total.singles:>8.1f} ms"
            f"{frames / total.gif:>11.0f}{1000 * total.gif_single / total.singles:>8.1f} ms"
        )


def source_bytes(path: Path, clip: DatasetClip) -> float:
    """The bytes of a source that its clip's share of the frames takes."""
    info = probe(path)
    length = info.duration or clip.duration
    return path.stat().st_size * min(1.0, float(clip.duration / length))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2)
    arguments = parser.parse_args()
    clips = clips_folder().resolve()
    for recipe, name in (("gif-moments", "moments"), ("gif-faces", "faces")):
        with tempfile.TemporaryDirectory() as scratch:
            measure(recipe, clips / name, arguments.seconds, Path(scratch))


if __name__ == "__main__":
    main()
