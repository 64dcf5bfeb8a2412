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
from gifbench.leaderboard.scored_run import MeanScore, Run
from gifbench.leaderboard.site_builder import write_site


def made_up(methods: int, clips: int) -> list[Run]:
    rng = np.random.default_rng(0)
    names = [f"video-{i:05}_{i % 7:03}" for i in range(clips)]
    hard = rng.normal(30, 5, clips)
    runs = []
    for i in range(methods):
        psnr = hard + 0.004 * i + rng.normal(0, 0.5, clips)
        kept = clips if i % 10 else clips - clips // 20
        scores = {names[j]: (float(psnr[j]), 0.9) for j in range(kept)}
        mean = float(psnr[:kept].mean())
        runs.append(
            Run(
                method=f"a-method-with-a-name:depth={i}",
                version="1",
                options={"depth": i},
                dataset="gif-moments",
                fingerprint="0" * 16,
                split="test",
                task="plain-1",
                protocol="standard",
                clips=kept,
                frames=100 * kept,
                official=7159,
                covered=kept,
                psnr=MeanScore(mean, mean - 0.1, mean + 0.1),
                ssim=MeanScore(0.9, 0.89, 0.91),
                seconds=60.0 + 10 * i,
                clip_scores=scores,
                facts={},
                parameters=1000 * i**3,
            )
        )
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", type=int, default=50)
    parser.add_argument("--clips", type=int, default=7159)
    args = parser.parse_args()
    runs = made_up(args.methods, args.clips)
    start, busy = time.perf_counter(), time.process_time()
    boards(runs)
    ranked, busy = time.perf_counter() - start, time.process_time() - busy
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        write_site(runs, Path(folder) / "site")
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
