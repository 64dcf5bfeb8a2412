"""On sharp real frames the paper's pattern appears, under both protocols (Table 1, rows 12 to 14)."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from gifbench.evaluation.evaluate import evaluate
from gifbench.media.clip import Clip, constant_times
from gifbench.media.colors.error_diffusion import floyd_steinberg
from gifbench.media.colors.quantize import minimum_variance, nearest
from gifbench.media.gif import Gif
from gifbench.media.video import Span, decode

SHARP = ("learning-area__crystal.mp4", "learning-area__rabbit.mp4", "opencv__box.mp4", "opencv__cup.mp4")


class RealClip:
    def __init__(self, path: Path):
        shown = [frame.pixels for frame in decode(path, Span(start_frame=30, end_frame=33))]
        frames = np.stack([cv2.resize(pixels, (636, 360), interpolation=cv2.INTER_AREA) for pixels in shown])
        times, duration = constant_times(len(frames), Fraction(25))
        self.clip_id, self.truth, self.num_frames = path.stem, Clip(frames, times, duration), len(frames)

    def gif(self, *, dithered=False, every=1):
        palettes = [minimum_variance(frame, 32) for frame in self.truth.frames]
        draw = floyd_steinberg if dithered else nearest
        indices = np.stack([draw(frame, palette) for frame, palette in zip(self.truth.frames, palettes, strict=True)])
        return Gif(indices, tuple(palettes), self.truth.times, self.truth.duration, dithered)


@pytest.fixture(scope="module")
def sharp_psnr(clips):
    real = [RealClip(clips / "moments" / name) for name in SHARP]

    class Dataset:
        name, fingerprint, official = "sharp", "0" * 16, {}

        def split(self, name):
            return real

    return {
        (task, method, result.protocol.name): result.scores["psnr"].mean
        for task in ("plain-1", "dithered-1")
        for method in ("gif", "gaussian-0.5", "gaussian-1.0")
        for result in evaluate(method, Dataset(), task)
    }


@pytest.mark.parametrize("protocol", ["standard", "gif2video"])
def test_smoothing_gains_and_loses_what_the_paper_says(sharp_psnr, protocol):
    plain, plain_half, plain_one = (sharp_psnr["plain-1", m, protocol] for m in ("gif", "gaussian-0.5", "gaussian-1.0"))
    assert plain_one < plain < plain_half < plain + 2
    rough, half, one = (sharp_psnr["dithered-1", m, protocol] for m in ("gif", "gaussian-0.5", "gaussian-1.0"))
    assert rough < one < half
    assert rough < plain
