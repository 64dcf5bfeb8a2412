"""What the simplest methods score on real clips, beside the paper's rows and an independent sketch's calibration.

    GIFBENCH_TEST_DATA=… python benchmarks/baselines.py [--out FOLDER] [--workers 2]

Builds both datasets from all faces and moments of the test data (or goes on with those in FOLDER), scores `gif` and
`gaussian` of both sigmas on plain-1 and dithered-1 under both protocols, and prints a table for groups of clips. How
sharp a moment is, is measured on its truth alone: the PSNR, over every 30th frame, of the truth blurred by a gaussian
of one pixel against itself; the lower, the sharper. The sharper half has the lower ones.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import fmean

import cv2
import numpy as np
from held_out import clips_folder

from gifbench import evaluate, load_recipe
from gifbench.builder.build_loop import run_build
from gifbench.dataset import Dataset, DatasetClip
from gifbench.manifest.rows import from_folder
from gifbench.progress import Progress
from gifbench.results.schema import Result

METHODS = ("gif", "gaussian-0.5", "gaussian-1.0")
TASKS = ("plain-1", "dithered-1")
ELSEWHERE = """\
elsewhere, protocol gif2video (Table 1 of the paper, and an independent sketch), PSNR/SSIM of gif, sigma 0.5, sigma 1.0:
  paper, GIF-Faces      plain 30.99/.868 31.36/.876 29.26/.797    dithered 28.21/.746 31.20/.873 29.75/.815
  paper, GIF-Moments    plain 33.71/.902
  sketch, 13 moments    plain 32.87/.897 33.34/.910 30.54/.862    dithered 29.23/.780 32.14/.876 30.80/.877
  sketch, 7 news-like   plain 33.07/.894 34.08/.914 32.68/.908    dithered 29.37/.770 32.92/.880 33.08/.927
  sketch, 4 GRID        plain 31.83/.851 32.84/.876 33.28/.890    dithered 27.60/.658 31.75/.817 34.85/.929"""


def tell(now: Progress) -> None:
    print(f"{now.done}/{now.total} {now.message or now.what}", file=sys.stderr)


def made(name: str, videos: Path, out: Path, workers: int | None) -> Dataset:
    rows = from_folder(videos)
    return run_build(load_recipe(name), rows, str(out / name), sources=videos, workers=workers, progress=tell)


def sharpness(clip: DatasetClip) -> float:
    """The PSNR in dB that is left of the truth after a gaussian of one pixel; lower is sharper."""
    truth = clip.truth_frames(range(0, clip.num_frames, 30)).astype(np.float32)
    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), 1, borderType=cv2.BORDER_REFLECT) for frame in truth])
    errors = np.maximum(((blurred - truth) ** 2).mean((1, 2, 3)), 255**2 / 1e10)
    return float(np.mean(10 * np.log10(255**2 / errors)))


def groups(datasets: dict[str, Dataset]) -> dict[str, tuple[str, list[str]]]:
    faces = [clip.clip_id for clip in datasets["gif-faces"]]
    moments = sorted(datasets["gif-moments"], key=sharpness)
    names = [clip.clip_id for clip in moments]
    return {
        "GRID talkers (288 lines)": ("gif-faces", [clip for clip in faces if clip.startswith("grid__")]),
        "signers (480 lines)": ("gif-faces", [clip for clip in faces if clip.startswith("intel_asl__")]),
        "all moments": ("gif-moments", names),
        "the sharper half": ("gif-moments", names[: len(names) // 2]),
        "the softer half": ("gif-moments", names[len(names) // 2 :]),
    }


def scores(result: Result, chosen: list[str]) -> tuple[int, float, float]:
    clips = [score for score in result.clip_scores if score.clip_id in chosen]
    return len(clips), fmean(min(score.psnr, 100) for score in clips), fmean(score.ssim for score in clips)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="where the datasets are kept; a temporary folder if not given")
    parser.add_argument("--workers", type=int)
    arguments = parser.parse_args()
    clips = clips_folder()
    with tempfile.TemporaryDirectory() as temporary:
        out = arguments.out or Path(temporary)
        datasets = {
            name: made(name, clips / videos, out, arguments.workers)
            for name, videos in (("gif-faces", "faces"), ("gif-moments", "moments"))
        }
        results = {
            (name, task, method, result.protocol.name): result
            for name, dataset in datasets.items()
            for task in TASKS
            for method in METHODS
            for result in evaluate(method, dataset, task)
        }
    found_groups = groups(datasets)
    for protocol in ("gif2video", "standard"):
        print(f"\nprotocol {protocol}: PSNR/SSIM of {', '.join(METHODS)}")
        for group, (name, chosen) in found_groups.items():
            for task in TASKS:
                found = [scores(results[name, task, method, protocol], chosen) for method in METHODS]
                line = "  ".join(f"{psnr:.2f}/{ssim:.3f}" for _, psnr, ssim in found)
                print(f"  {group:<26} {found[0][0]:>2} clips  {task:<11} {line}", flush=True)
    print(f"\n{ELSEWHERE}")


if __name__ == "__main__":
    main()
