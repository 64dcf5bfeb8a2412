"""Any color method with any interpolator: the pipeline of the paper's Figure 4."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any, Literal

import numpy as np

from gifbench import FrameMethod, Frames, Gif, LoadedMethod, Method, MethodError, UsageError, side_by_side

from .interpolation.fill_frame_gaps import Job, fill


class Gif2Video:
    """Restores the colors of the GIF's frames with the method `color`, and draws those between with `time`.

    Without options it is the paper's method: CCDNet, chosen for the GIF, and SuperSlomo. `color` may be any method: one
    that has `restore_frames` is given batches of the GIF's frames, any other is asked for frames by the times of the
    GIF's own; for each once. `flow="gif"` has `time` look for motion in the GIF's own frames, on a GPU at the same time
    as colors are restored, as in the paper; `flow="restored"` in those that `color` gave, after it.
    """

    version = "2"

    def __init__(
        self,
        *,
        color: LoadedMethod = "ccdnet",  # type: ignore[assignment]  # text that names a method is loaded
        time: LoadedMethod = "superslomo",  # type: ignore[assignment]
        flow: Literal["gif", "restored"] = "gif",
    ) -> None:
        if not (isinstance(time.method, Method) and hasattr(time.method, "restore_between")):
            raise UsageError(
                f"gif2video: time={time.name} does not draw frames between others (restore_between); name an "
                "interpolator: gif (which holds), nearest, blend, dis or superslomo"
            )
        self._color, self._time, self._sees_restored = color, time, flow == "restored"
        self._device = "cpu"
        self._together: Callable[[Job, Job], tuple[Any, Any]] = side_by_side("cpu")
        self.parameters = color.parameters + time.parameters
        self.needs_palettes = color.declared.needs_palettes or time.declared.needs_palettes
        self.licence = " + ".join(dict.fromkeys(part.licence for part in (color, time) if part.licence))
        self.backend = "torch" if "torch" in (color.declared.backend, time.declared.backend) else "numpy"

    def to(self, device: str) -> None:
        """Move the parts that are torch's."""
        self._device = device
        self._together = side_by_side(device)
        for part in (self._color, self._time):
            move = getattr(part.method, "to", None)
            if part.declared.backend == "torch" and callable(move):
                move(device)

    def restore(self, gif: Gif, times: Sequence[Fraction]) -> Iterator[Frames]:
        """One frame at a time; of the restored ones, at most as many are held as the color method is given at once."""
        between: Any = self._time.method
        own = gif
        if isinstance(gif.indices, np.ndarray):  # the color method may write to its own
            own = replace(gif, indices=gif.indices.copy(), palettes=tuple(each.copy() for each in gif.palettes))
        restore = partial(self._colored, own)
        return fill(between, gif, times, restore=restore, sees_restored=self._sees_restored, together=self._together)

    def _colored(self, gif: Gif, numbers: Sequence[int]) -> Any:  # noqa: ANN401  # frames that can be taken by place
        """The GIF's frames of these numbers, restored: (H, W, 3) arrays or tensors, as the interpolator has them."""
        method: Any = self._color.method
        if not isinstance(method, FrameMethod):
            answer = method.restore(gif, [gif.times[i] for i in numbers])
            batches = [answer] if hasattr(answer, "shape") else answer
            found = [self._kept(frame) for batch in batches for frame in batch]
        else:
            palettes = [gif.palettes[i] for i in numbers]
            backend = self._color.declared.backend
            together = _converted(np.concatenate(palettes), backend, self._device)  # one copy there, not one a frame
            ends = np.cumsum([len(palette) for palette in palettes])
            each = [together[end - len(palette) : end] for end, palette in zip(ends.tolist(), palettes, strict=True)]
            frames = _converted(np.stack([gif.frame(i) for i in numbers]), backend, self._device)
            found = self._kept(method.restore_frames(frames, each))
        if len(found) != len(numbers):
            raise MethodError(f"{self._color.name} gave back {len(found)} frames, {len(numbers)} were asked for")
        return found

    def _kept(self, frames: Any) -> Any:  # noqa: ANN401  # an array or a tensor
        """Frames as the interpolator has them, which stay: the method may fill the same array again."""
        copied = frames.copy() if isinstance(frames, np.ndarray) else frames.clone()
        return _converted(copied, self._time.declared.backend, self._device)


def _converted(frames: Any, backend: str, device: str) -> Any:  # noqa: ANN401  # an array or a tensor, both ways
    if isinstance(frames, np.ndarray):
        if backend != "torch":
            return frames
        import torch

        return torch.tensor(frames, device=device)
    return frames if backend == "torch" else frames.detach().cpu().float().numpy()
