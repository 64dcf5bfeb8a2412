"""What interpolators and gif2video restore of a GIF's missing frames, how fast, in how much memory, and how steady.

    python benchmarks/interpolation.py DATA [--clips 4] [--frames 33] [--only PART …] [--dataset …] [--kind …]

DATA holds the datasets `gif-faces` and `gif-moments`, as `benchmarks/baselines.py --out DATA` leaves them. Of each the
first frames of some clips are taken, of those that no shipped weights were trained on (`held_out.py`) unless `--every`
says that all will do. The parts:

    scores      PSNR and SSIM at the factors 2, 4 and 8, plain and dithered, under both protocols, and what gif2video
                gains over the others
    steadiness  E_warp, tOF and PSNR of the truth, of both GIFs, and of ccdnet, steadied or not, and their order
    speeds      frames a second of each method at factor 4
    networks    the same of SuperSlomo's networks beside the plain eager loop
    memory      the peak of a process that restores 2,000 frames of 636×360, as far as `--seconds` let it come

SuperSlomo, CCDNet and the stabilizer take part where their weights are: those that come with gifbench, and `--weights`
for SuperSlomo, `--stabilizer` for the stabilizer.
"""

from __future__ import annotations

import argparse
import platform
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from held_out import held_out

from gifbench import (
    Clip,
    Dataset,
    DatasetClip,
    Gif,
    LoadedMethod,
    MethodError,
    Pixels,
    evaluate,
    load_method,
    open_dataset,
    run_method,
    save_weights,
)
from gifbench.metrics.psnr import psnr, squared_error
from gifbench.metrics.warping_error_tof import measure_steadiness

if TYPE_CHECKING:
    from gifbench_baselines.superslomo.network import SuperSlomo

METHODS = (
    "gif",
    "nearest",
    "blend",
    "dis",
    "superslomo",
    "ccdnet",
    "gif2video:time=blend",
    "gif2video:time=dis",
    "gif2video",
)
STEADIED = ("ccdnet", "stable:ccdnet")
RISING = ("truth", "plain, stable:ccdnet", "plain, ccdnet", "plain GIF", "dithered GIF")
"""The order of E_warp that is expected."""
IN_MEMORY = ("gif", "blend", "dis", "superslomo", "gif2video", "stable:ccdnet")
LONG = 2000
PRECISIONS = ("fp32", "bf16")
FACTORS = (2, 4, 8)
KINDS = ("plain", "dithered")
PAPER = {  # Table 2 of the paper, its own plain GIFs and protocol: factor -> (GIF, GIF2Video)
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


def heads(dataset: Dataset, given: argparse.Namespace) -> Heads:
    """The first frames of the clips that are asked for, spread over the list."""
    clips = list(dataset) if given.every else held_out(dataset)
    if not clips:
        raise SystemExit(f"{dataset.name}: none of the held-out clips are in it; --every takes all of its clips")
    count = min(given.clips, len(clips))
    chosen = [clips[i * len(clips) // count] for i in range(count)]
    return Heads(
        dataset.name, dataset.fingerprint, {}, [Head(clip, min(given.frames, clip.num_frames)) for clip in chosen]
    )


def usable(names: Sequence[str], given: argparse.Namespace) -> dict[str, LoadedMethod]:
    """The methods whose weights are here, by these names; the others are said."""
    found = {}
    for name in names:
        text = name
        if given.weights and name == "gif2video":
            text = f"gif2video:time=superslomo:weights={given.weights}"
        elif given.weights and name == "superslomo":
            text = f"superslomo:weights={given.weights}"
        elif given.stabilizer and name.startswith("stable:"):
            text = f"stable:[{name.removeprefix('stable:')}],weights={given.stabilizer}"
        try:
            found[name] = load_method(text)
        except MethodError as error:
            print(f"(without {name}: {str(error).split(':')[0]})", flush=True)
    return found


def scores(some: Heads, given: argparse.Namespace) -> None:
    methods = usable(given.methods or METHODS, given)
    others = [name for name in ("gif", "nearest", "blend", "dis", "ccdnet", "gif2video:time=blend") if name in methods]
    above: Counter[str] = Counter()
    rows = 0
    print(f"| PSNR / SSIM | {' | '.join(methods)} |\n{'|---' * (1 + len(methods))}|")
    for kind, factor in ((kind, factor) for kind in given.kind or KINDS for factor in FACTORS):
        found = {name: evaluate(method, some, f"{kind}-{factor}", device="cpu") for name, method in methods.items()}
        for i, protocol in enumerate(("standard", "gif2video")):
            cells = {name: [results[i].scores[key].mean for key in ("psnr", "ssim")] for name, results in found.items()}
            line = " | ".join(f"{value:.2f} / {ssim:.3f}" for value, ssim in cells.values())
            print(f"| {some.name}, {kind}-{factor}, {protocol} | {line} |", flush=True)
            if "gif2video" in cells:
                gains = {name: np.subtract(cells["gif2video"], cells[name]) for name in others}
                said = ", ".join(f"{name} {gain[0]:+.2f} / {gain[1]:+.3f}" for name, gain in gains.items())
                print(f"  gif2video over {said}")
                above.update(name for name, gain in gains.items() if min(gain) > 0)
                rows += 1
        if kind == "plain":
            gif, ours = PAPER[some.name][factor]
            print(f"  the paper: GIF {gif}, GIF2Video {ours} dB, {ours - gif:+.2f}")
    for name in others if rows else ():
        print(f"{some.name}: gif2video is above {name}, in PSNR and SSIM, in {above[name]} of {rows} rows")


def speeds(some: Heads, given: argparse.Namespace) -> None:
    head = some.heads[0]
    gif, times = head.gif(every=4), list(head.clip.times[: (head.num_frames - 1) // 4 * 4 + 1])
    for name, method in usable(given.methods or METHODS, given).items():
        for _ in run_method(method, gif, times[:9], clip=head.clip_id):
            pass  # what is loaded and compiled at first use
        begun = time.perf_counter()
        count = sum(len(batch) for batch in run_method(method, gif, times, clip=head.clip_id))
        rate = count / (time.perf_counter() - begun)
        print(f"| {name}, {gif.width}×{gif.height} | {rate:.1f} frames/s |", flush=True)


def networks(some: Heads, given: argparse.Namespace) -> None:
    """SuperSlomo's networks at factor 4 beside the plain eager loop: a gap and a moment at a time, in fp32."""
    import torch
    from gifbench_baselines.superslomo.method import SuperSlomoMethod
    from gifbench_baselines.superslomo.network import SuperSlomo, SuperSlomoArchitecture

    torch.set_num_threads(1)
    torch.manual_seed(0)
    gif = some.heads[0].gif(every=4).select(range(3))
    times = [Fraction(i, 4) * (gif.times[1] - gif.times[0]) for i in range(9)]
    for base in given.bases:
        network = SuperSlomo(SuperSlomoArchitecture(base=base)).eval()
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
    """A process each, because one would only ever show the largest; first of all parts, because children inherit it."""
    for name in IN_MEMORY:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            peaks = process.submit(long_peaks, name, given).result()
        shown = ", ".join(f"{mebibytes:.0f} MiB after {count}" for count, mebibytes in peaks)
        print(f"| {name} | {shown or 'no weights'} |", flush=True)


def long_peaks(name: str, given: argparse.Namespace) -> list[tuple[int, float]]:
    """The peak of this process's memory at some numbers of frames; the GIF itself is one that takes none."""
    one = np.random.default_rng(0).integers(0, 32, (360, 636), dtype=np.uint8)
    palette = np.arange(96, dtype=np.uint8).reshape(32, 3)
    half = LONG // 2
    shown = np.lib.stride_tricks.as_strided(one, (half, 360, 636), (0, *one.strides))
    gif = Gif(shown, (palette,) * half, tuple(Fraction(i, 10) for i in range(half)), Fraction(half, 10))
    times = [Fraction(i, 20) for i in range(LONG)]
    found: list[tuple[int, float]] = []
    count, wanted = 0, [1, 16, 32, 64, 125, 250, 500, 1000, LONG]
    for method in usable([name], given).values():
        begun = time.monotonic()
        for batch in run_method(method, gif, times, clip="long"):
            count += len(batch)
            over = time.monotonic() - begun > given.seconds
            if count >= wanted[0] or over:
                wanted = [number for number in wanted if number > count]
                found.append((count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10))
            if over:
                break
    return found


def together(head: Head, methods: Sequence[LoadedMethod]) -> Iterator[list[Pixels]]:
    """Truth, plain GIF, dithered GIF, and both as the methods restore them: the frames of one time at a time."""
    gifs = [head.gif(dithered=dithered) for dithered in (False, True)]
    streams = [
        iter(head.truth.frames),
        *(map(gif.frame, range(len(gif))) for gif in gifs),
        *(
            (frame for batch in run_method(method, gif, gif.times, clip="") for frame in batch)
            for gif in gifs
            for method in methods
        ),
    ]
    yield from (list(frames) for frames in zip(*streams, strict=True))


def noting(psnrs: list[list[float]], frames: Iterator[list[Pixels]]) -> Iterator[list[Pixels]]:
    """Frames as `together` gives them, and on the way the PSNR of each but the truth."""
    for truth, *others in frames:
        rounded = [np.rint(frame).astype(np.uint8) for frame in others]
        psnrs.append([psnr(squared_error(frame, truth), truth.size) for frame in rounded])
        yield [truth, *others]


def steadiness(some: Heads, given: argparse.Namespace) -> None:
    """E_warp, in thousandths, says something only beside the truth's own and beside PSNR: blurring lowers it."""
    methods = usable(STEADIED, given)
    names = ["truth", "plain GIF", "dithered GIF", *(f"{kind}, {name}" for kind in KINDS for name in methods)]
    order = [name for name in RISING if name in names]
    columns: dict[str, list[list[float]]] = {name: [] for name in names}
    for head in some.heads:
        psnrs: list[list[float]] = []
        found = measure_steadiness(noting(psnrs, together(head, list(methods.values()))))
        errors = [found.truth_warp_error, *(other.warp_error for other in found.others)]
        tofs, means = [0.0, *(other.tof for other in found.others)], [float("inf"), *np.mean(psnrs, axis=0)]
        for name, error, tof, fidelity in zip(names, errors, tofs, means, strict=True):
            columns[name].append([1000 * (error or 0.0), tof, fidelity])
        print(f"  {head.clip_id}: {rising(order, {name: rows[-1][0] for name, rows in columns.items()})}", flush=True)
    print(f"| {some.name} | E_warp, 10⁻³ | tOF, pixels | PSNR, dB |\n|---|---|---|---|")
    for name, rows in columns.items():
        print(f"| {name} | {' | '.join(f'{value:.3f}' for value in np.mean(rows, axis=0))} |")
    print(f"{some.name}, mean: {rising(order, {name: np.mean(rows, axis=0)[0] for name, rows in columns.items()})}")


def rising(order: Sequence[str], errors: dict[str, float]) -> str:
    signs = ["<" if errors[one] < errors[other] else "NOT BELOW" for one, other in pairwise(order)]
    return " ".join(word for pair in zip(order, [*signs, ""], strict=True) for word in pair).strip()


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = {part.__name__: part for part in (memory, networks, speeds, steadiness, scores)}
    parser.add_argument("data", type=Path)
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--frames", type=int, default=33)
    parser.add_argument("--every", action="store_true", help="take any clips, also those that weights were trained on")
    parser.add_argument("--dataset", choices=tuple(PAPER), action="append", help="both if not given")
    parser.add_argument("--kind", choices=KINDS, action="append", help="of the GIFs that are scored: both if not given")
    parser.add_argument("--methods", nargs="+", help=f"that are scored and timed: {' '.join(METHODS)} if not given")
    parser.add_argument("--only", choices=tuple(parts), action="append", help="parts; all if not given")
    parser.add_argument("--weights", default="", help="of SuperSlomo, in place of those that come with gifbench")
    parser.add_argument("--stabilizer", default="", help="weights of the stabilizer, likewise")
    parser.add_argument("--bases", type=int, nargs="+", default=[32, 12], help="widths that `networks` measures")
    parser.add_argument("--seconds", type=float, default=10.0, help="that `memory` gives a method")
    given = parser.parse_args()
    for name in [name for name in parts if name in (given.only or parts)]:
        print(f"\n{name} on {processor()}", flush=True)
        for dataset in (given.dataset or list(PAPER))[: 1 if name in ("networks", "memory") else None]:
            parts[name](heads(open_dataset(given.data / dataset), given), given)


if __name__ == "__main__":
    main()
