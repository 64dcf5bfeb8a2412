"""How long a leaderboard takes to make, and how large its pages are: 50 methods on the 7,159 test clips of GIF-Moments.

    python benchmarks/leaderboard.py [--methods 50] [--clips 7159]

The scores are made up: clips of very different difficulty, methods 0.004 dB apart, 5 of them on a part of the clips.
Prints the seconds of reading nothing but scores in memory to a ranked table (ranks, intervals, groups, every pair), of
writing all pages and texts, and the size of each kind of page. No pictures: those take what the methods take.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from gifbench.leaderboard.boards_of_comparable_runs import boards
from gifbench.leaderboard.runs_from_results import run_of
from gifbench.leaderboard.site_builder import build_site
from gifbench.results.schema import ClipScore, Result


def made_up(methods: int, clips: int) -> list[Result]:
    rng = np.random.default_rng(0)
    names = [f"video-{i:05}_{i % 7:03}" for i in range(clips)]
    hard = rng.normal(30, 5, clips)
    results = []
    for i in range(methods):
        psnr = (hard + 0.004 * i + rng.normal(0, 0.5, clips)).clip(0, 99)
        kept = clips if i % 10 else clips - clips // 20
        mean = float(psnr[:kept].mean())
        about = {
            "gifbench_result": 1,
            "method": {
                "name": f"a-method-with-a-name:depth={i}",
                "version": "1",
                "origin": "made up",
                "options": {"depth": i},
                "code_sha256": None,
                "weights": None,
                "weights_sha256": None,
                "parameters": 1000 * i**3,
                "licence": "",
                "backend": "numpy",
            },
            "task": "plain-1",
            "split": "test",
            "protocol": {"name": "standard", "psnr": "-", "ssim": "-", "segments": "-", "averaging": "-"},
            "dataset": {"name": "gif-moments", "fingerprint": "0" * 16},
            "clips": kept,
            "frames": 100 * kept,
            "too_short": [],
            "limit": None,
            "coverage": {"scored": kept, "official": 7159, "share": kept / 7159},
            "scores": {
                "psnr": {"mean": mean, "ci95": (mean - 0.1, mean + 0.1)},
                "ssim": {"mean": 0.9, "ci95": (0.89, 0.91)},
            },
            "wall_seconds": 60.0 + 10 * i,
            "method_seconds": 60.0 + 10 * i,
            "environment": {
                **dict.fromkeys(("gifbench", "python", "numpy", "numba", "platform"), "-"),
                "torch": None,
                "cpus": 2,
                "device": "cpu",
            },
            "created": "2025-01-01T00:00:00Z",
            "clip_scores": tuple(ClipScore(names[j], 100, float(psnr[j]), 0.9, 0, 0.0) for j in range(kept)),
        }
        results.append(Result.model_validate(about))
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", type=int, default=50)
    parser.add_argument("--clips", type=int, default=7159)
    args = parser.parse_args()
    results = made_up(args.methods, args.clips)
    start, busy = time.perf_counter(), time.process_time()
    boards(map(run_of, results))
    ranked, busy = time.perf_counter() - start, time.process_time() - busy
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        build_site(results, Path(folder) / "site")
        whole = time.perf_counter() - start
        pages = sorted((Path(folder) / "site").rglob("*.html"))
        largest = {
            kind: max((page.stat().st_size for page in pages if page.parent.name == kind), default=0)
            for kind in ("site", "boards", "methods")
        }
    print(f"{args.methods} methods, {args.clips} clips")
    print(f"ranked table, every pair    {ranked:8.1f} s ({busy:.1f} s of processor time)")
    print(f"the whole site              {whole:8.1f} s, {len(pages)} pages")
    for kind, name in (("site", "first page"), ("boards", "the table's page"), ("methods", "a method's page")):
        print(f"{name:<27} {largest[kind] / 1e3:8.1f} kB")


if __name__ == "__main__":
    main()
