"""What `gifbench evaluate` costs beside its bare work: its overhead, its memory on a long clip, its metrics' speed.

    python benchmarks/evaluation.py overhead DATASET [--clips 6] [--repeats 3]
    python benchmarks/evaluation.py memory [--frames 2000]
    python benchmarks/evaluation.py metrics DATASET

`overhead`: the method `gif` on the first clips of a dataset, task plain-1, both protocols, in one process and with the
scores written; beside it a plain loop that decodes the same truth and GIFs and measures the same frames, one after the
other. Wanted: at most 1.15 times its processor time. The wall time is less where there is a second core, because
decoding, restoring and measuring overlap. The two take turns; the median of the repeats counts.

`memory`: a generated clip of 636×360 is built by `gifbench build` and scored by `gifbench evaluate` in a process of its
own, whose peak is told, beside that of a clip of a quarter of the length.

`metrics`: frames a second of each metric on one core, on real frames, beside its reference implementation where one is
installed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from skimage.color import deltaE_ciede2000, rgb2lab

import gifbench
from gifbench.benchmark_tasks import task
from gifbench.evaluation.scoring_protocols import PROTOCOLS
from gifbench.metrics.metric import FramePair, GifFrame
from gifbench.metrics.registry import OWN, load_metric


def bare(dataset: gifbench.Dataset, clips: int) -> None:
    """Decode and measure, and nothing else."""
    for clip in dataset.split("test")[:clips]:
        gif = clip.gif()
        scores = [protocol.start(task("plain-1")) for protocol in PROTOCOLS.values()]
        for number, truth in enumerate(clip.iter_truth()):
            frame = gif.frame(number)
            for each in scores:
                each.add(frame, truth)
        assert all(each.psnrs and each.ssims for each in scores)


def harnessed(dataset: gifbench.Dataset, clips: int) -> None:
    with tempfile.TemporaryDirectory() as out:
        gifbench.evaluate("gif", dataset, "plain-1", limit=clips, out=out)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def overhead(place: str, *, clips: int, repeats: int) -> None:
    cv2.setNumThreads(1)
    dataset = gifbench.open_dataset(place)
    frames = sum(clip.num_frames for clip in dataset.split("test")[:clips])
    bare(dataset, 1), harnessed(dataset, 1)  # compiles
    times = []
    for _ in range(repeats):
        times.append((timed(lambda: bare(dataset, clips)), timed(lambda: harnessed(dataset, clips))))
    plain = [statistics.median(run[0][i] for run in times) for i in (0, 1)]
    ours = [statistics.median(run[1][i] for run in times) for i in (0, 1)]
    print("| dataset | clips | frames | | bare | evaluate | ratio |\n|---|---|---|---|---|---|---|")
    for i, name in enumerate(("wall seconds", "processor seconds")):
        print(
            f"| {dataset.name} | {clips} | {frames} | {name} | {plain[i]:.2f} | {ours[i]:.2f} "
            f"| {ours[i] / plain[i]:.2f} |"
        )


def long_video(path: Path, frames: int) -> None:
    """A picture that slides over noise that stays, so that no two frames are alike."""
    noise = np.random.default_rng(0).integers(0, 24, (360, 640, 3), np.uint8)
    y, x = np.mgrid[0:360, 0:640]
    slope = np.stack([x // 4, y // 2, (x + y) // 8], -1).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25), options={"preset": "ultrafast", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for i in range(frames):
            frame = np.roll(slope, 3 * i, axis=1) + noise
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def memory(frames: int) -> None:
    print("| frames of 636×360 | GIF's indices MB | frames decoded MB | peak MB | seconds |\n|---|---|---|---|---|")
    for count in (frames // 4, frames):
        with tempfile.TemporaryDirectory() as place:
            source, data = Path(place) / "source", Path(place) / "data"
            source.mkdir()
            long_video(source / "long.mp4", count)
            command = [sys.executable, "-m", "gifbench"]
            build = [*command, "build", "gif-moments", "--source", str(source), "--out", str(data), "--workers", "1"]
            subprocess.run(build, check=True, capture_output=True)
            words = [*command, "evaluate", "gif", "--data", str(data), "--task", "plain-1", "--out", f"{place}/results"]
            start = time.perf_counter()
            peak = peak_megabytes(words)
            seconds = time.perf_counter() - start
        pixels = count * 636 * 360 / 1e6
        print(f"| {count} | {pixels:.0f} | {3 * pixels:.0f} | {peak:.0f} | {seconds:.0f} |")


def peak_megabytes(words: list[str]) -> float:
    """The largest resident set of a process, in MB, as the system tells it at its end."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(words)} failed")
    return usage.ru_maxrss / 1024


def references() -> dict[str, Callable[[FramePair], float]]:
    def gradient(pair: FramePair) -> float:
        difference = pair.restored.astype(np.float64) - pair.truth
        return float(np.abs(np.diff(difference, axis=0)).mean() + np.abs(np.diff(difference, axis=1)).mean())

    def delta_e(pair: FramePair) -> float:
        return float(deltaE_ciede2000(rgb2lab(pair.restored), rgb2lab(pair.truth)).mean())

    found = {"gradient": gradient, "delta-e": delta_e}
    try:
        import torch
        from pytorch_msssim import ms_ssim
    except ImportError:
        return found

    def multiscale(pair: FramePair) -> float:
        both = [torch.from_numpy(each).permute(2, 0, 1)[None].double() for each in (pair.restored, pair.truth)]
        return float(ms_ssim(*both, data_range=255))

    return {**found, "ms-ssim": multiscale}


def metrics(place: str) -> None:
    cv2.setNumThreads(1)
    pairs: list[FramePair] = []
    for clip in gifbench.open_dataset(place).split("test")[:2]:
        gif = clip.gif()
        for number, truth in zip(range(0, 8, 2), clip.iter_truth(range(0, 8, 2)), strict=True):
            shown = GifFrame(gif.indices[number], gif.palettes[number])
            before = FramePair(pairs[-1].restored, pairs[-1].truth) if number else None
            pairs.append(FramePair(gif.frame(number), truth, shown, before))
    theirs = references()
    height, width, _ = pairs[0].truth.shape
    print(f"{width}×{height}, one core")
    print("| metric | frames/s | reference's | ratio | largest difference |\n|---|---|---|---|---|")
    for name in OWN:
        try:
            metric = load_metric(name).metric
        except gifbench.GifbenchError:
            continue  # weights that are not at hand
        values = [metric.measure(pair) for pair in pairs]
        ours = statistics.median(
            timed(lambda m=metric: [m.measure(fresh(pair)) for pair in pairs])[1] for _ in range(5)
        )
        row = f"| {name} | {len(pairs) / ours:.0f} "
        if name in theirs:
            expected = [theirs[name](pair) for pair in pairs]
            peer = statistics.median(timed(lambda n=name: [theirs[n](pair) for pair in pairs])[1] for _ in range(3))
            apart = max(abs(a - b) for a, b in zip(values, expected, strict=True))
            row += f"| {len(pairs) / peer:.1f} | {peer / ours:.1f} | {apart:.0e} |"
        else:
            row += "| | | |"
        print(row)


def fresh(pair: FramePair) -> FramePair:
    """Without the motion that an earlier metric found."""
    return FramePair(pair.restored, pair.truth, pair.shown, pair.before)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = arguments.add_subparsers(dest="part", required=True)
    part = parts.add_parser("overhead")
    part.add_argument("data")
    part.add_argument("--clips", type=int, default=6)
    part.add_argument("--repeats", type=int, default=3)
    parts.add_parser("memory").add_argument("--frames", type=int, default=2000)
    parts.add_parser("metrics").add_argument("data")
    options = arguments.parse_args()
    if options.part == "overhead":
        overhead(options.data, clips=options.clips, repeats=options.repeats)
    elif options.part == "memory":
        memory(options.frames)
    else:
        metrics(options.data)


if __name__ == "__main__":
    main()
