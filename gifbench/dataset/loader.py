"""Training data: a torch Dataset of GIF frames, their palettes and the truth, read from the shards at random.

The only module of this wing that needs torch; it is not imported with the others.
"""

from __future__ import annotations

import bisect
import itertools
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

import torch
from torch.utils.data import Dataset as TorchDataset

from gifbench.dataset.clip import DatasetClip
from gifbench.dataset.gif_generation import made_part
from gifbench.dataset.truth_reader import read_truth
from gifbench.errors import UsageError
from gifbench.media.clip import Pixels
from gifbench.media.gif import Gif

Value = TypeVar("Value")


class Sample(NamedTuple):
    """One frame: `gif` and `truth` are (3, H, W) uint8, RGB, `palette` is (256, 3) uint8 with zeros after its colors.

    `colors` says how many of its entries are colors.
    """

    gif: torch.Tensor
    palette: torch.Tensor
    colors: int
    truth: torch.Tensor


class FrameDataset(TorchDataset[Sample]):
    """Every frame of some clips, or every k-th, as samples of one size that a DataLoader can batch.

    `crop` cuts out a square of that side at a random place, the same in GIF and truth; without it clips of different
    sizes cannot share a batch. The place is drawn from torch's generator, which DataLoader seeds for each worker. A
    worker keeps what it read last, GIFs and truths of `keep` clips: sample from few clips at a time to read each once.
    Where the dataset does not store GIFs, the frames that are asked for are made of the truth, and no others.
    """

    def __init__(
        self,
        clips: Sequence[DatasetClip],
        *,
        dithered: bool = False,
        every: int = 1,
        crop: int | None = None,
        keep: int = 8,
    ) -> None:
        if every < 1:
            raise UsageError(f"every {every}-th frame cannot be kept: the step is 1 or more")
        small = [clip for clip in clips if crop is not None and min(clip.height, clip.width) < crop]
        if small:
            clip = small[0]
            raise UsageError(f"crop is {crop}, and clip {clip.clip_id} is {clip.width}×{clip.height}")
        self._clips, self._dithered, self._every, self._crop = clips, dithered, every, crop
        self._ends = list(itertools.accumulate(-(-clip.num_frames // every) for clip in clips))
        self._gifs = _Kept(keep, self._read_gif)
        self._truths = _Kept(keep, self._read_truth)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: int) -> Sample:
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        return self.draw(index, None)

    def draw(self, index: int, generator: torch.Generator | None) -> Sample:
        """Sample `index`, its place drawn from `generator`, or from torch's own if there is none."""
        number, frame = self._place(index % len(self))
        gif, truth = self.read(number, [frame])
        return self.cut(gif.frame(0), gif.palettes[0], truth[0], generator)

    def truth_frame(self, index: int) -> Pixels:
        """The whole frame (H, W, 3) of the truth that sample `index` shows a part of."""
        number, frame = self._place(index % len(self))
        truth: Pixels = self.read_truth(number, [frame])[0]
        return truth

    def read(self, clip: int, frames: Sequence[int]) -> tuple[Gif, Pixels]:
        """Frames of clip number `clip` by increasing numbers: those of its GIF, and (N, H, W, 3) of its truth."""
        row, truth = self._clips[clip].row, self.read_truth(clip, frames)
        if "plain" in row.stored:
            return self._gifs[clip].select(frames), truth
        return made_part(row, truth, frames, dithered=self._dithered), truth

    def read_truth(self, clip: int, frames: Sequence[int]) -> Pixels:
        """Frames (N, H, W, 3) of the truth of clip number `clip`."""
        return read_truth(self._clips[clip].row, self._truths[clip], frames=frames)

    def cut(self, shown: Pixels, palette: Pixels, truth: Pixels, generator: torch.Generator | None) -> Sample:
        """Whole frames (H, W, 3) of a GIF and of the truth as a sample, cut to the side that was asked for."""
        height, width = truth.shape[:2]
        top = left = 0
        if self._crop is not None:
            top = int(torch.randint(height - self._crop + 1, (), generator=generator))
            left = int(torch.randint(width - self._crop + 1, (), generator=generator))
            height = width = self._crop
        colors = torch.zeros(256, 3, dtype=torch.uint8)
        colors[: len(palette)] = torch.from_numpy(palette.copy())
        cut = [part[top : top + height, left : left + width].transpose(2, 0, 1).copy() for part in (shown, truth)]
        return Sample(torch.from_numpy(cut[0]), colors, len(palette), torch.from_numpy(cut[1]))

    def _read_gif(self, clip: int) -> Gif:
        return self._clips[clip].gif(dithered=self._dithered)

    def _read_truth(self, clip: int) -> bytes:
        return self._clips[clip].read("truth", checked=False)  # read anew with every epoch

    def _place(self, index: int) -> tuple[int, int]:
        """The number of the clip, and of the frame in it."""
        number = bisect.bisect_right(self._ends, index)
        return number, (index - (self._ends[number - 1] if number else 0)) * self._every


class _Kept(Generic[Value]):
    """What was read of clips, by their numbers: the last `most` of them are kept."""

    def __init__(self, most: int, read: Callable[[int], Value]) -> None:
        self._most, self._read = most, read
        self._values: OrderedDict[int, Value] = OrderedDict()

    def __getitem__(self, number: int) -> Value:
        if number not in self._values:
            self._values[number] = self._read(number)
            if len(self._values) > self._most:
                self._values.popitem(last=False)
        self._values.move_to_end(number)
        return self._values[number]

    def __getstate__(self) -> dict[str, object]:
        # A worker process starts with nothing read; what this one keeps stays here.
        return {**self.__dict__, "_values": OrderedDict()}
