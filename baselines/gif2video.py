"""Any colour method with any interpolator: the pipeline of the paper's Figure 4."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import Any, Literal

import numpy as np

from gifbench import FrameMethod, Frames, Gif, LoadedMethod, Method, MethodError, Pixels, UsageError

from .interpolation.gaps import fill


class Gif2Video:
    """Restores the colours of the GIF's frames with the method `color`, and draws those between with `time`.

    `color` may be any method: one that has `restore_frames` is given batches of the GIF's frames, any other is asked
    for frames by the times of the GIF's own; for each once. `flow="gif"` has `time` look for motion in the GIF's own
    frames, so that both could work side by side, as in the paper; `flow="restored"` in those that `color` gave.
    """

    version = "1"
    description = "a colour method, then an interpolator"

    def __init__(self, *, color: LoadedMethod, time: LoadedMethod, flow: Literal["gif", "restored"] = "gif") -> None:
        if not (isinstance(time.method, Method) and hasattr(time.method, "restore_between")):
            raise UsageError(
                f"gif2video: time={time.name} does not draw frames between others (restore_between); name an "
                "interpolator such as dis or blend"
            )
        self._color, self._time, self._sees_restored = color, time, flow == "restored"
        self._device = "cpu"
        self.parameters = color.parameters + time.parameters
        self.licence = " + ".join(dict.fromkeys(part.licence for part in (color, time) if part.licence))
        self.backend = "torch" if "torch" in (color.declared.backend, time.declared.backend) else "numpy"

    def to(self, device: str) -> None:
        """Move the parts that are torch's."""
        self._device = device
        for part in (self._color, self._time):
            move = getattr(part.method, "to", None)
            if part.declared.backend == "torch" and callable(move):
                move(device)

    def restore(self, gif: Gif, times: Sequence[Fraction]) -> Iterator[Frames]:
        """Batches of frames, at most as many as the colour method is given at once."""
        interpolator: Any = self._time.method
        between = _Converted(interpolator, self._time.declared.backend, self._device)
        restore = partial(self._colored, gif)
        return fill(between, gif, times, restore=restore, sees_restored=self._sees_restored)

    def _colored(self, gif: Gif, numbers: Sequence[int]) -> Any:  # noqa: ANN401  # frames that can be taken by place
        """The GIF's frames of these numbers, restored: (H, W, 3) arrays or tensors."""
        method: Any = self._color.method
        if not isinstance(method, FrameMethod):
            answer = method.restore(gif, [gif.times[i] for i in numbers])
            found = answer if hasattr(answer, "shape") else [frame for batch in answer for frame in batch]
        else:
            palettes = [self._given(gif.palettes[i]) for i in numbers]
            found = method.restore_frames(self._given(np.stack([gif.frame(i) for i in numbers])), palettes)
        if len(found) != len(numbers):
            raise MethodError(f"{self._color.name} gave back {len(found)} frames, {len(numbers)} were asked for")
        return found

    def _given(self, pixels: Pixels) -> Any:  # noqa: ANN401  # an array or a tensor
        return _converted(pixels, self._color.declared.backend, self._device)


class _Converted:
    """An interpolator that is given arrays or tensors as it wants them, whatever the colour method gives."""

    def __init__(self, interpolator: Any, backend: str, device: str) -> None:  # noqa: ANN401  # anybody's
        self._interpolator, self._backend, self._device = interpolator, backend, device

    def restore_between(self, pair: tuple[Any, Any], seen: tuple[Pixels, Pixels], shares: Sequence[float]) -> Any:  # noqa: ANN401  # what the interpolator gives
        first, second = (_converted(frame, self._backend, self._device) for frame in pair)
        return self._interpolator.restore_between((first, second), seen, shares)


def _converted(frames: Any, backend: str, device: str) -> Any:  # noqa: ANN401  # an array or a tensor, both ways
    if isinstance(frames, np.ndarray):
        if backend != "torch":
            return frames
        import torch

        return torch.tensor(frames, device=device)
    return frames if backend == "torch" else frames.detach().cpu().float().numpy()
