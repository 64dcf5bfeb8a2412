"""Training data: a torch Dataset of GIF frames, their palettes and the truth, read from the shards at random.

The only module of this wing that needs torch; it is not imported with the others.
"""

from __future__ import annotations

import bisect
import functools
import itertools
from collections.abc import Sequence
from typing import TypedDict

import torch
from torch.utils.data import Dataset as TorchDataset

from gifbench.argument_types import check_types
from gifbench.dataset.dataset_clip import DatasetClip
from gifbench.dataset.gifs_from_truth import made_part
from gifbench.dataset.truth_reader import read_truth
from gifbench.errors import UsageError
from gifbench.media.clip import Pixels
from gifbench.media.gif import Gif


class FrameParts(TypedDict):
    """A frame of a GIF, and the same frame of the truth, as tensors that `FrameDataset` describes."""

    gif: torch.Tensor
    truth: torch.Tensor
    palette: torch.Tensor
    colors: torch.Tensor


class FrameSample(FrameParts):
    """A sample of a `FrameDataset`."""

    dithered: torch.Tensor
    clip: torch.Tensor
    frame: torch.Tensor
    time: torch.Tensor


class FrameDataset(TorchDataset[FrameSample]):
    """Every frame of some clips, or every k-th, as a torch Dataset: what a network is trained on.

        frames = gifbench.FrameDataset(ds.split("train"), every=4, crop=256)
        loader = torch.utils.data.DataLoader(frames, batch_size=16, shuffle=True, num_workers=4)
        batch = next(iter(loader))
        batch["gif"], batch["truth"]  # (16, 3, 256, 256) uint8

    A sample is a dict of tensors: `gif` and `truth` (3, H, W) uint8, RGB; `palette` (256, 3) uint8, RGB, the GIF's
    colors and zeros after them; `colors` () int64, how many of these are colors; `dithered` () bool; `clip` () int64,
    the clip's place in `clips`; `frame` () int64, the frame's number in the clip, from 0; `time` () float32, when it is
    shown, in seconds since the first of the clip. The default collation of a DataLoader puts N of them together,
    (N, 3, H, W) and so on.

    `clips` are a dataset, a split of it, a clip, or a list of clips. `crop` cuts out a square of that side at a random
    place, the same in GIF and truth; without it clips of different sizes cannot share a batch. The place is drawn from
    torch's generator, which a DataLoader seeds for each worker. `dithered` chooses the dithered GIFs.

    It can be shuffled, pickled, split among processes by a `DistributedSampler`, and read by workers that are forked
    or spawned: each opens a remote dataset anew. A frame is decoded without the others; a worker keeps the bytes of the
    `keep` clips that it read last. Where the dataset does not store GIFs, the frames that are asked for are made of the
    truth, and no others.

    Raises `UsageError` for a wrong type, a step or a crop that cannot be, and a clip smaller than the crop; while it is
    read `DatasetDamaged` and the `StorageError` of the place.
    """

    @check_types
    def __init__(
        self,
        clips: Sequence[DatasetClip] | DatasetClip,
        *,
        dithered: bool = False,
        every: int = 1,
        crop: int | None = None,
        keep: int = 8,
    ) -> None:
        for name, value in (("every", every), ("crop", 1 if crop is None else crop), ("keep", keep)):
            if value < 1:
                raise UsageError(f"{name} must be at least 1, got {value}")
        self.clips: Sequence[DatasetClip] = [clips] if isinstance(clips, DatasetClip) else clips
        small = (clip for clip in self.clips if crop is not None and min(clip.height, clip.width) < crop)
        if (clip := next(small, None)) is not None:
            raise UsageError(
                f"crop must be at most the shorter side of every clip, got {crop}, and clip {clip.clip_id} is "
                f"{clip.width}×{clip.height}"
            )
        self._dithered, self._every, self._crop = bool(dithered), every, crop
        self._ends = list(itertools.accumulate(-(-clip.num_frames // every) for clip in self.clips))
        self._keep = keep
        self._keep_bytes()

    def _keep_bytes(self) -> None:
        """From now on the bytes of the clips that were read last are kept, by their numbers."""
        member = "dithered" if self._dithered else "plain"
        self._gif = functools.lru_cache(self._keep)(lambda clip: self.clips[clip].read(member))
        # The truth is read anew with every epoch, and not held against its sha256 each time.
        self._truth = functools.lru_cache(self._keep)(lambda clip: self.clips[clip].read("truth", checked=False))

    def __getstate__(self) -> dict[str, object]:
        # A worker process starts with nothing read; what this one keeps stays here.
        return {name: value for name, value in self.__dict__.items() if name not in ("_gif", "_truth")}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._keep_bytes()

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __repr__(self) -> str:
        kind = "dithered" if self._dithered else "plain"
        return f"FrameDataset({len(self)} {kind} frames of {len(self.clips)} clips, crop {self._crop or 'none'})"

    def __getitem__(self, index: int) -> FrameSample:
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        return self.draw(index, None)

    def draw(self, index: int, generator: torch.Generator | None) -> FrameSample:
        """Sample `index`, its place drawn from `generator`, or from torch's own if there is none."""
        number, frame = self._place(index % len(self))
        gif, truth = self.read(number, [frame])
        return {
            **self.cut(gif.frame(0), gif.palettes[0], truth[0], generator),
            "dithered": torch.tensor(self._dithered),
            "clip": torch.tensor(number),
            "frame": torch.tensor(frame),
            "time": torch.tensor(float(self.clips[number].times[frame]), dtype=torch.float32),
        }

    def truth_frame(self, index: int) -> Pixels:
        """The whole frame (H, W, 3) of the truth that sample `index` shows a part of."""
        number, frame = self._place(index % len(self))
        truth: Pixels = self.read_truth(number, [frame])[0]
        return truth

    def read(self, clip: int, frames: Sequence[int]) -> tuple[Gif, Pixels]:
        """Frames of clip number `clip` by increasing numbers: those of its GIF, and (N, H, W, 3) of its truth."""
        row, truth = self.clips[clip].row, self.read_truth(clip, frames)
        if "plain" in row.stored:
            return self.clips[clip].gif_frames(frames, dithered=self._dithered, data=self._gif(clip)), truth
        return made_part(row, truth, frames, dithered=self._dithered), truth

    def read_truth(self, clip: int, frames: Sequence[int]) -> Pixels:
        """Frames (N, H, W, 3) of the truth of clip number `clip`."""
        return read_truth(self.clips[clip].row, self._truth(clip), frames=frames)

    def cut(self, shown: Pixels, palette: Pixels, truth: Pixels, generator: torch.Generator | None) -> FrameParts:
        """Whole frames (H, W, 3) of a GIF and of the truth as tensors, cut to the side that was asked for."""
        height, width = truth.shape[:2]
        top = left = 0
        if self._crop is not None:
            top = int(torch.randint(height - self._crop + 1, (), generator=generator))
            left = int(torch.randint(width - self._crop + 1, (), generator=generator))
            height = width = self._crop
        colors = torch.zeros(256, 3, dtype=torch.uint8)
        colors[: len(palette)] = torch.from_numpy(palette.copy())
        cut = [part[top : top + height, left : left + width].transpose(2, 0, 1).copy() for part in (shown, truth)]
        return {
            "gif": torch.from_numpy(cut[0]),
            "truth": torch.from_numpy(cut[1]),
            "palette": colors,
            "colors": torch.tensor(len(palette)),
        }

    def _place(self, index: int) -> tuple[int, int]:
        """The number of the clip, and of the frame in it."""
        number = bisect.bisect_right(self._ends, index)
        return number, (index - (self._ends[number - 1] if number else 0)) * self._every
