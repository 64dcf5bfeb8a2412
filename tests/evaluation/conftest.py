"""A dataset in memory, with what scoring asks of one, and methods that fail in every way."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import pytest

from gifbench.errors import DatasetError
from gifbench.media.clip import Clip, constant_times
from gifbench.media.gif import Gif
from gifbench.methods.loaded_method import MethodInfo
from gifbench.methods.registry import LoadedMethod


def moving_clip(num_frames: int, *, height: int = 24, width: int = 32, seed: int = 0, fps: int = 25) -> Clip:
    """A texture that slides: neighboring frames differ, but not by much."""
    rng = np.random.default_rng(seed)
    wide = np.cumsum(rng.normal(0, 9, (height, width + 2 * num_frames, 3)), axis=1) + 128
    texture = np.clip(wide, 0, 255).astype(np.uint8)
    frames = np.stack([texture[:, 2 * i : 2 * i + width] for i in range(num_frames)])
    times, duration = constant_times(num_frames, Fraction(fps))
    return Clip(frames, times, duration)


def to_gif(clip: Clip, *, dithered: bool = False) -> Gif:
    """Eight levels of red, four of green, blue left out; 'dithered' by noise, so that the two differ."""
    frames = clip.frames.astype(int)
    if dithered:
        frames = np.clip(frames + np.random.default_rng(1).integers(-20, 21, frames.shape), 0, 255)
    indices = (frames[..., 0] // 32 * 4 + frames[..., 1] // 64).astype(np.uint8)
    palette = np.array([(r * 32 + 16, g * 64 + 32, 128) for r in range(8) for g in range(4)], np.uint8)
    return Gif(indices, (palette,) * len(clip), clip.times, clip.duration, dithered)


@dataclass
class MemoryClip:
    clip_id: str
    truth: Clip

    @property
    def num_frames(self):
        return len(self.truth)

    @property
    def times(self):
        return self.truth.times

    def gif(self, *, dithered: bool = False, every: int = 1) -> Gif:
        return to_gif(self.truth, dithered=dithered).every(every)


@dataclass
class MemoryDataset:
    clips: list[MemoryClip]
    name: str = "gif-faces"
    fingerprint: str = "0123456789abcdef"
    official: dict[str, int] = field(default_factory=lambda: {"test": 104})

    def split(self, name: str) -> list[MemoryClip]:
        if name != "test":
            raise DatasetError(f"no clip is in the split {name!r}; its splits: test")
        return self.clips


@pytest.fixture
def dataset() -> MemoryDataset:
    return MemoryDataset([MemoryClip(f"clip-{i}", moving_clip(n, seed=i)) for i, n in enumerate((20, 13, 9))])


def loaded(method: object, *, name: str = "mine", backend: str = "numpy", **declared: object) -> LoadedMethod:
    """A method as if it had been loaded."""
    return LoadedMethod(
        name=name,
        origin="a test",
        method=method,
        options={},
        declared=MethodInfo(backend=backend, **declared),
        code_sha256=None,
        weights_sha256=None,
    )


@pytest.fixture
def make_dataset():
    return lambda *lengths, **about: MemoryDataset(
        [MemoryClip(f"clip-{i}", moving_clip(n, seed=i)) for i, n in enumerate(lengths)], **about
    )


@pytest.fixture
def as_loaded():
    return loaded


@pytest.fixture
def gif() -> Gif:
    return to_gif(moving_clip(6))
