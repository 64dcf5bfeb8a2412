"""What interpolators without weights restore of a GIF's missing frames, how fast, and how steady colours are.

    python benchmarks/interpolation.py DATA [--clips 4] [--frames 49]

DATA holds the datasets `gif-faces` and `gif-moments`, as `benchmarks/baselines.py --out DATA` leaves them. Scores the
first frames of some clips of each, spread over its list: PSNR and SSIM on the plain tasks of factors 2, 4 and 8 under
both protocols, frames a second of each method at factor 4, and E_warp of the truth, the GIFs and the smoothed GIFs.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gifbench import Clip, Dataset, DatasetClip, Gif, evaluate, load_method, open_dataset
from gifbench.score.metrics.temporal import measure_steadiness
from gifbench.score.restore import restored

METHODS = ("gif", "nearest", "blend", "dis")
COMPOSED = ("gif2video:color=gaussian-0.5,time=dis",)
FACTORS = (2, 4, 8)
PAPER = {  # Table 2 of the paper, its own GIFs and protocol: factor -> (GIF, GIF2Video)
    "gif-faces": {2: (30.02, 33.27), 4: (29.01, 32.08), 8: (27.41, 30.20)},
    "gif-moments": {2: (29.05, 31.92), 4: (26.16, 28.38), 8: (23.29, 24.95)},
}


@dataclass(frozen=True)
class Head:
    """The first frames of a clip, as a clip."""

    clip: DatasetClip
    num_frames: int

    @property
    def clip_id(self) -> str:
        """Its name."""
        return self.clip.clip_id

    @property
    def truth(self) -> Clip:
        """The frames before they became a GIF."""
        frames = self.clip.truth_frames(range(self.num_frames))
        return Clip(frames, self.clip.times[: self.num_frames], (*self.clip.times, self.clip.duration)[self.num_frames])

    def gif(self, *, dithered: bool = False, every: int = 1) -> Gif:
        """The GIF of the first frames."""
        gif = self.clip.gif(dithered=dithered).select(range(self.num_frames))
        return gif.every(every)


@dataclass(frozen=True)
class Heads:
    """Some clips of a dataset, shortened, as a dataset that can be scored."""

    name: str
    fingerprint: str
    official: dict[str, int]
    heads: list[Head]

    def split(self, _name: str, /) -> list[Head]:
        """All of them, whichever split is asked for."""
        return self.heads


def heads(dataset: Dataset, clips: int, frames: int) -> Heads:
    chosen = [dataset[i * len(dataset) // clips] for i in range(min(clips, len(dataset)))]
    return Heads(dataset.name, dataset.fingerprint, {}, [Head(clip, min(frames, clip.num_frames)) for clip in chosen])


def scores(some: Heads) -> None:
    for factor in FACTORS:
        found = {method: evaluate(method, some, f"plain-{factor}") for method in (*METHODS, *COMPOSED)}
        for i, protocol in enumerate(("standard", "gif2video")):
            cells = [results[i].scores for results in found.values()]
            line = " | ".join(f"{cell['psnr'].mean:.2f} / {cell['ssim'].mean:.3f}" for cell in cells)
            print(f"| {some.name}, plain-{factor}, {protocol} | {line} |", flush=True)
        print(f"|   (the paper: GIF {PAPER[some.name][factor][0]}, GIF2Video {PAPER[some.name][factor][1]} dB) |")


def speeds(some: Heads) -> None:
    head = some.heads[0]
    gif, times = head.gif(every=4), list(head.clip.times[: (head.num_frames - 1) // 4 * 4 + 1])
    for name in METHODS:
        method = load_method(name)
        for _ in restored(method, gif, times[:9], clip=head.clip_id):
            pass  # what is loaded and compiled at first use
        begun = time.perf_counter()
        count = sum(len(batch) for batch in restored(method, gif, times, clip=head.clip_id))
        rate = count / (time.perf_counter() - begun)
        print(f"| {name}, {gif.width}×{gif.height} | {rate:.0f} frames/s |", flush=True)


def together(head: Head) -> Iterator[list[np.ndarray]]:
    """Truth, plain GIF, dithered GIF, and both smoothed: the frames of one time at a time."""
    plain, dithered, gaussian = head.gif(), head.gif(dithered=True), load_method("gaussian-0.5")
    streams = [
        iter(head.truth.frames),
        *(map(gif.frame, range(len(gif))) for gif in (plain, dithered)),
        *(
            (frame for batch in restored(gaussian, gif, gif.times, clip="") for frame in batch)
            for gif in (plain, dithered)
        ),
    ]
    yield from (list(frames) for frames in zip(*streams, strict=True))


def steadiness(some: Heads) -> None:
    names = ("truth", "plain GIF", "dithered GIF", "plain, gaussian-0.5", "dithered, gaussian-0.5")
    errors: list[list[float]] = []
    distances: list[list[float]] = []
    for head in some.heads:
        measured = measure_steadiness(together(replace(head, num_frames=min(head.num_frames, 33))))
        found = [measured.truth_warp_error, *(other.warp_error for other in measured.others)]
        errors.append([value for value in found if value is not None])
        distances.append([0.0, *(other.tof for other in measured.others)])
        ordered = errors[-1][0] < errors[-1][1] < errors[-1][2]
        print(f"|   {head.clip_id}: truth < plain < dithered: {'yes' if ordered else 'NO'} |", flush=True)
    for name, column, tof in zip(names, zip(*errors, strict=True), zip(*distances, strict=True), strict=True):
        print(f"| {some.name}, {name} | {1000 * np.mean(column):.3f} | {np.mean(tof):.3f} |")


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--frames", type=int, default=49)
    parser.add_argument("--only", choices=("scores", "speeds", "steadiness"))
    parser.add_argument("--dataset", choices=tuple(PAPER), action="append", help="both if not given")
    arguments = parser.parse_args()
    for part in (steadiness, speeds, scores):
        if arguments.only in (None, part.__name__):
            print(f"\n{part.__name__} on {processor()}, columns: {', '.join((*METHODS, *COMPOSED))}")
            for name in arguments.dataset or PAPER:
                part(heads(open_dataset(arguments.data / name), arguments.clips, arguments.frames))


if __name__ == "__main__":
    main()
