"""What interpolators and gif2video restore of a GIF's missing frames, how fast, in how much memory, and how steady.

    python benchmarks/interpolation.py DATA [--clips 4] [--frames 49] [--dithered] [--only PART] [--weights FILE]

DATA holds the datasets `gif-faces` and `gif-moments`, as `benchmarks/baselines.py --out DATA` leaves them. Scores the
first frames of some clips of each, spread over its list: PSNR and SSIM on the tasks of factors 2, 4 and 8, plain and,
if asked for, dithered, under both protocols; frames a second of each method at factor 4; those of SuperSlomo's networks
beside the plain eager loop; memory over 2,000 frames of 636×360; and E_warp of the truth, the GIFs and colour methods,
steadied or not. SuperSlomo, CCDNet and the stabiliser take part where their weights are: those that come with
gifbench, and `--weights` for SuperSlomo.
"""

from __future__ import annotations

import argparse
import platform
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gifbench import (
    Clip,
    Dataset,
    DatasetClip,
    Gif,
    LoadedMethod,
    MethodError,
    evaluate,
    load_method,
    open_dataset,
    restored,
    save_weights,
)
from gifbench.score.metrics.temporal import measure_steadiness

if TYPE_CHECKING:
    from gifbench_baselines.superslomo.network import SuperSlomo

METHODS = ("gif", "nearest", "blend", "dis", "superslomo")
COMPOSED = (
    "gif2video:color=gaussian-0.5,time=dis",
    "gif2video:color=gaussian-0.5,time=superslomo",
    "gif2video:color=ccdnet,time=blend",
    "gif2video:color=ccdnet,time=dis",
    "gif2video",
)
STEADIED = ("gaussian-0.5", "stable:gaussian-0.5", "ccdnet", "stable:ccdnet")
LONG = 2000
PRECISIONS = ("fp32", "bf16")
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


def usable(names: Sequence[str], weights: str) -> list[LoadedMethod]:
    """The methods whose weights are here; the others are named once."""
    found = []
    for name in names:
        given = name.replace("superslomo", f"superslomo:weights={weights}") if weights else name
        if weights and name == "gif2video":
            given = f"gif2video:time=superslomo:weights={weights}"
        try:
            found.append(load_method(given))
        except MethodError as error:
            print(f"(without {name}: {str(error).split(':')[0]})", flush=True)
    return found


def scores(some: Heads, given: argparse.Namespace) -> None:
    methods = usable((*METHODS, *COMPOSED), given.weights)
    print(f"| | {' | '.join(method.name for method in methods)} |")
    for kind, factor in ((kind, factor) for kind in given.kinds for factor in FACTORS):
        found = {method.name: evaluate(method, some, f"{kind}-{factor}", device="cpu") for method in methods}
        for i, protocol in enumerate(("standard", "gif2video")):
            cells = [results[i].scores for results in found.values()]
            line = " | ".join(f"{cell['psnr'].mean:.2f} / {cell['ssim'].mean:.3f}" for cell in cells)
            print(f"| {some.name}, {kind}-{factor}, {protocol} | {line} |", flush=True)
        print(f"|   (the paper: GIF {PAPER[some.name][factor][0]}, GIF2Video {PAPER[some.name][factor][1]} dB) |")


def speeds(some: Heads, given: argparse.Namespace) -> None:
    head = some.heads[0]
    gif, times = head.gif(every=4), list(head.clip.times[: (head.num_frames - 1) // 4 * 4 + 1])
    for method in usable((*METHODS, *COMPOSED), given.weights):
        for _ in restored(method, gif, times[:9], clip=head.clip_id):
            pass  # what is loaded and compiled at first use
        begun = time.perf_counter()
        count = sum(len(batch) for batch in restored(method, gif, times, clip=head.clip_id))
        rate = count / (time.perf_counter() - begun)
        print(f"| {method.name}, {gif.width}×{gif.height} | {rate:.1f} frames/s |", flush=True)


def networks(some: Heads, given: argparse.Namespace) -> None:
    """SuperSlomo's networks at factor 4 beside the plain eager loop: a gap and a moment at a time, in fp32."""
    import torch
    from gifbench_baselines.superslomo.method import SuperSlomoMethod
    from gifbench_baselines.superslomo.network import Architecture, SuperSlomo

    torch.set_num_threads(1)
    torch.manual_seed(0)
    gif = some.heads[0].gif(every=4).select(range(3))
    times = [Fraction(i, 4) * (gif.times[1] - gif.times[0]) for i in range(9)]
    for base in given.bases:
        network = SuperSlomo(Architecture(base=base)).eval()
        with tempfile.TemporaryDirectory() as folder:
            path = save_weights(
                Path(folder) / "drawn.safetensors",
                network,
                architecture=network.architecture.model_dump(),
                about={"licence": ""},
            )
            ways = {precision: SuperSlomoMethod(weights=str(path), precision=precision) for precision in PRECISIONS}
        best = dict.fromkeys(("plain eager loop", *ways), float("inf"))
        for _ in range(2):
            for name in best:
                begun = time.perf_counter()
                if name in ways:
                    count = sum(len(batch) for batch in ways[name].restore(gif, times))
                else:
                    count = eager(network, gif)
                best[name] = min(best[name], (time.perf_counter() - begun) / count)
        for name, seconds in best.items():
            ratio = best["plain eager loop"] / seconds
            print(f"| base {base}, {gif.width}×{gif.height}, {name} | {1 / seconds:.2f} frames/s | {ratio:.1f} |")


def eager(network: SuperSlomo, gif: Gif) -> int:
    import torch

    ends = [torch.from_numpy(frame.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1 for frame in gif.frames]
    with torch.inference_mode():
        for i in range(len(gif) - 1):
            for share in (0.25, 0.5, 0.75):
                motion = network.find_motion(ends[i], ends[i + 1])
                network.draw((ends[i], ends[i + 1]), motion, torch.tensor([share]))
    return 4 * (len(gif) - 1) + 1


def memory(_: Heads, given: argparse.Namespace) -> None:
    """The peak of the process's memory while a GIF of 636×360 becomes 2,000 frames, at a quarter, half and the end."""
    one = np.random.default_rng(0).integers(0, 32, (360, 636), dtype=np.uint8)
    palette = np.arange(96, dtype=np.uint8).reshape(32, 3)
    half = LONG // 2
    shown = np.lib.stride_tricks.as_strided(
        one, (half, 360, 636), (0, *one.strides)
    )  # all the same: it takes no memory
    gif = Gif(shown, (palette,) * half, tuple(Fraction(i, 10) for i in range(half)), Fraction(half, 10))
    times = [Fraction(i, 20) for i in range(LONG)]
    for method in usable(("gif", "blend", "dis", "superslomo", "gif2video"), given.weights):
        count, peaks, wanted = 0, [], [1, LONG // 4, LONG // 2, LONG]
        for batch in restored(method, gif, times[: given.long], clip="long"):
            count += len(batch)
            while wanted and count >= wanted[0]:
                wanted.pop(0)
                peaks.append(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10:.0f}")
        print(f"| {method.name}, peak after 1, {LONG // 4}, {LONG // 2} and {LONG} frames | {', '.join(peaks)} MiB |")


def together(head: Head, methods: Sequence[LoadedMethod]) -> Iterator[list[np.ndarray]]:
    """Truth, plain GIF, dithered GIF, and both as the methods restore them: the frames of one time at a time."""
    plain, dithered = head.gif(), head.gif(dithered=True)
    streams = [
        iter(head.truth.frames),
        *(map(gif.frame, range(len(gif))) for gif in (plain, dithered)),
        *(
            (frame for batch in restored(method, gif, gif.times, clip="") for frame in batch)
            for gif in (plain, dithered)
            for method in methods
        ),
    ]
    yield from (list(frames) for frames in zip(*streams, strict=True))


def steadiness(some: Heads, given: argparse.Namespace) -> None:
    methods = usable(STEADIED, given.weights)
    restoring = [f"{kind}, {method.name}" for kind in ("plain", "dithered") for method in methods]
    names = ("truth", "plain GIF", "dithered GIF", *restoring)
    errors: list[list[float]] = []
    distances: list[list[float]] = []
    for head in some.heads:
        measured = measure_steadiness(together(replace(head, num_frames=min(head.num_frames, 33)), methods))
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
    parser.add_argument(
        "--dithered", dest="kinds", action="store_const", const=("plain", "dithered"), default=("plain",)
    )
    parser.add_argument("--only", choices=("scores", "speeds", "networks", "memory", "steadiness"))
    parser.add_argument("--weights", default="", help="of SuperSlomo, in place of those that come with gifbench")
    parser.add_argument("--bases", type=int, nargs="+", default=[32, 12], help="widths that `networks` measures")
    parser.add_argument("--long", type=int, default=LONG, help="frames of the 2,000 that `memory` restores")
    parser.add_argument("--dataset", choices=tuple(PAPER), action="append", help="both if not given")
    arguments = parser.parse_args()
    for part in (networks, steadiness, speeds, memory, scores):
        if arguments.only in (None, part.__name__):
            print(f"\n{part.__name__} on {processor()}")
            once = part in (networks, memory)
            for name in (arguments.dataset or list(PAPER))[: 1 if once else None]:
                part(heads(open_dataset(arguments.data / name), arguments.clips, arguments.frames), arguments)


if __name__ == "__main__":
    main()
