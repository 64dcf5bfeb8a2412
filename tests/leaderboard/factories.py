"""Results and datasets made up for these tests: real schema, real GIFs, small pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction

import numpy as np

from gifbench.leaderboard.boards_of_comparable_runs import BoardTable, boards
from gifbench.leaderboard.runs_from_results import run_of
from gifbench.media.clip import Pixels, constant_times
from gifbench.media.gif import Gif
from gifbench.results.schema import ClipScore, Result

FINGERPRINT = "0123456789abcdef"


def make_result(
    method: str = "gif",
    *,
    psnr: float = 30.0,
    clips: Sequence[str] = ("a", "b", "c", "d"),
    task: str = "plain-1",
    protocol: str = "standard",
    dataset: str = "gif-faces",
    fingerprint: str = FINGERPRINT,
    split: str = "test",
    capped: int = 0,
    options: Mapping[str, str | int | float | bool | None] | None = None,
    day: int = 1,
    version: str = "1",
    official: int = 104,
    parameters: int = 0,
    metrics: Mapping[str, float] | None = None,
) -> Result:
    """A result whose clips have the scores psnr, psnr + 0.1, psnr + 0.2, …, and an interval of ±0.2 dB."""
    scores = tuple(ClipScore(clip, 10, psnr + i / 10, 0.9 - i / 100, 0, 0.5) for i, clip in enumerate(clips))
    mean = sum(score.psnr for score in scores) / len(scores)
    ssim = sum(score.ssim for score in scores) / len(scores)
    return Result.model_validate(
        {
            "gifbench_result": 1,
            "method": {
                "name": method,
                "version": version,
                "origin": "a package 1.0",
                "options": dict(options or {}),
                "code_sha256": "c" * 64,
                "weights": None,
                "weights_sha256": None,
                "parameters": parameters,
                "licence": "MIT",
                "backend": "numpy",
            },
            "task": task,
            "split": split,
            "protocol": {"name": protocol, "psnr": "dB", "ssim": "-", "segments": "-", "averaging": "-"},
            "dataset": {"name": dataset, "fingerprint": fingerprint},
            "clips": len(scores),
            "frames": 10 * len(scores),
            "too_short": [],
            "limit": None,
            "coverage": {"scored": len(scores), "official": official, "share": len(scores) / official},
            "scores": {
                "psnr": {"mean": mean, "ci95": (mean - 0.2, mean + 0.2), "capped": capped},
                "ssim": {"mean": ssim, "ci95": (ssim - 0.01, ssim + 0.01)},
                **{
                    name: {"mean": value, "ci95": (0.9 * value, 1.1 * value)} for name, value in (metrics or {}).items()
                },
            },
            "metrics": [
                {"name": name, "spec": f"what {name} is", "better": "lower", "unit": "px", "sha256": "e" * 64}
                for name in metrics or {}
            ],
            "wall_seconds": 3.0,
            "method_seconds": 0.5 * len(scores),
            "environment": {
                "gifbench": "0.1.0",
                "python": "3.11",
                "numpy": "2",
                "numba": "0.6",
                "torch": None,
                "platform": "Linux x86_64",
                "cpus": 2,
                "device": "cpu",
            },
            "created": datetime(2025, 1, day, tzinfo=UTC),
            "clip_scores": scores,
        }
    )


def only_table(*results: Result) -> BoardTable:
    """The one table that these results make."""
    ((table,),) = (board.tables for board in boards(map(run_of, results)))
    return table


class SmallClip:
    """A clip of a dataset: a disc that moves over a soft gradient, `num_frames` frames of 96×120 at 25 a second."""

    height, width = 96, 120

    def __init__(self, *, num_frames: int = 12, seed: int = 0) -> None:
        self.times, self.duration = constant_times(num_frames, Fraction(25))
        rows, columns = np.mgrid[: self.height, : self.width]
        frames = np.empty((num_frames, self.height, self.width, 3), np.uint8)
        for i in range(num_frames):
            disc = (rows - 48) ** 2 + (columns - 20 - 5 * i - seed) ** 2 < 400
            frames[i] = np.stack([columns * 2, rows * 2, 60 + disc * 150], axis=-1)
        self.truth = frames

    def truth_frames(self, frames: Sequence[int]) -> Pixels:
        return self.truth[list(frames)]

    def gif(self, *, dithered: bool = False, every: int = 1) -> Gif:
        """Three bits of red and green, two of blue, as a fixed palette of 256 colors; dithering is not asked for."""
        steps = (self.truth >> np.array([5, 5, 6], np.uint8)).astype(np.uint8)
        indices = (steps[..., 0] << 5) | (steps[..., 1] << 2) | steps[..., 2]
        codes = np.arange(256)
        palette = np.stack([codes >> 5 << 5, (codes >> 2 & 7) << 5, (codes & 3) << 6], axis=-1).astype(np.uint8) + 16
        return Gif(indices, (palette,) * len(indices), self.times, self.duration, dithered).every(every)


def small_dataset(clips: Sequence[str] = ("a", "b", "c", "d")) -> dict[str, SmallClip]:
    return {clip: SmallClip(seed=i) for i, clip in enumerate(clips)}
