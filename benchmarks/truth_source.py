"""Truth kept as packets of the source beside lossless truth: bytes, the time of a build, the speed of reading.

    GIFBENCH_TEST_DATA=… python benchmarks/truth_source.py [--seconds 2]

The real clips are built twice, a span of each, by the two recipes. Bytes are of the truth members and of both GIFs.
Reading is `clip.truth` (all frames, decoded, and for packets cut and resized) and single frames at random, in processor
time, one thread. Both datasets must have one fingerprint, and every frame that is read is compared.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from gifbench.build.manifest import ManifestRow, from_folder
from gifbench.build.recipe import load_recipe
from gifbench.build.run import build_dataset
from gifbench.dataset import Dataset, DatasetClip

SINGLE = 5


@dataclass
class Sums:
    """Bytes of truth and GIFs, frames, and seconds of building, of reading all frames and of reading one."""

    truth: int = 0
    gifs: int = 0
    frames: int = 0
    building: float = 0.0
    reading: float = 0.0
    single: float = 0.0
    singles: int = 0


def built(recipe: str, truth: str, rows: list[ManifestRow], folder: Path, out: Path) -> tuple[Dataset, float]:
    settings = {"truth": truth, **({"min_fps": 0, "min_frames": 1} if recipe == "gif-moments" else {})}
    started = time.process_time()
    dataset = build_dataset(load_recipe(recipe, settings), rows, str(out), sources=folder, workers=1)
    return dataset, time.process_time() - started


def read(clip: DatasetClip, sums: Sums) -> np.ndarray:
    started = time.process_time()
    frames = clip.truth.frames
    sums.reading += time.process_time() - started
    dice = random.Random(clip.clip_id)
    for number in (dice.randrange(clip.num_frames) for _ in range(SINGLE)):
        started = time.process_time()
        (one,) = clip.truth_frames([number])
        sums.single += time.process_time() - started
        sums.singles += 1
        if not np.array_equal(one, frames[number]):
            raise ValueError(f"{clip.clip_id}: frame {number} read alone is another one")
    sums.truth += clip.row.truth.bytes
    sums.gifs += clip.row.plain.bytes + clip.row.dithered.bytes
    sums.frames += clip.num_frames
    return frames


def measure(recipe: str, folder: Path, seconds: float, scratch: Path) -> None:
    rows = [row.model_copy(update={"start": 0.5, "end": 0.5 + seconds}) for row in from_folder(folder)]
    sums = {truth: Sums() for truth in ("lossless", "source")}
    datasets = {}
    build_dataset(load_recipe(recipe), rows[:1], str(scratch / "warm"), sources=folder, workers=1)
    for truth, total in sums.items():
        datasets[truth], total.building = built(recipe, truth, rows, folder, scratch / truth)
    lossless, source = datasets["lossless"], datasets["source"]
    if lossless.fingerprint != source.fingerprint:
        raise ValueError("the two datasets show different pixels")
    kept = [clip.clip_id for clip in source if clip.row.truth_first is not None]
    for name in kept:
        if not np.array_equal(read(lossless[name], sums["lossless"]), read(source[name], sums["source"])):
            raise ValueError(f"{name}: other frames than without loss")
    print(f"\n{recipe}: {len(kept)} of {len(source)} clips kept as packets, {sums['source'].frames} frames")
    print(f"{'truth':<9} {'MB':>8} {'of lossless':>12} {'GIFs MB':>8} {'build s':>8} {'read fps':>9} {'one frame':>10}")
    for truth, total in sums.items():
        share = total.truth / sums["lossless"].truth
        print(
            f"{truth:<9} {total.truth / 1e6:>8.2f} {share:>12.3f} {total.gifs / 1e6:>8.1f} {total.building:>8.1f} "
            f"{total.frames / total.reading:>9.0f} {1000 * total.single / total.singles:>7.1f} ms"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2)
    arguments = parser.parse_args()
    data = os.environ.get("GIFBENCH_TEST_DATA")
    if not data:
        sys.exit("set GIFBENCH_TEST_DATA to the folder that holds clips/")
    cv2.setNumThreads(1)
    for recipe, name in (("gif-moments", "moments"), ("gif-faces", "faces")):
        with tempfile.TemporaryDirectory() as scratch:
            measure(recipe, Path(data).resolve() / "clips" / name, arguments.seconds, Path(scratch))


if __name__ == "__main__":
    main()
