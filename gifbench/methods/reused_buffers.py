"""Whether a method still holds an array that it gave back, and may write to it: then it is copied."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gifbench.devices import accelerator, synchronize


def own_copy(batch: Any) -> Any:  # noqa: ANN401  # an array or tensor, or whatever a method gave
    """The batch itself if nobody else can write to it, else, and of a tensor on the CPU always, a copy.

    A method may fill the same array again and again, or views of it, while the batch before is still measured. Whether
    it can is told by references: a fresh array that was just handed over has one.
    """
    if isinstance(batch, np.ndarray):
        return batch.copy() if _array_is_held(batch) else batch
    if is_array(batch) and batch.device.type == "cpu" and batch.layout is sys.modules["torch"].strided:
        if batch.is_pinned():
            _wait_for_the_device()
        return batch.detach().clone()  # beside what a network computes a copy costs nothing
    return batch


def _array_is_held(array: NDArray[Any]) -> bool:
    owner: Any = array.base
    if is_array(owner) and not isinstance(owner, np.ndarray) and owner.is_pinned():
        _wait_for_the_device()
    del owner  # it is counted below
    if sys.getrefcount(array) > _ALONE:
        return True
    base = array.base
    if base is None:
        return not array.flags.owndata
    if isinstance(base, bytes):
        return False
    # Of a view the owner counts: it is held by the view, and by this function.
    return type(base) is not np.ndarray or not base.flags.owndata or sys.getrefcount(base) > _ALONE_BASE


def _wait_for_the_device() -> None:
    """A copy from the GPU into pinned memory may still be under way."""
    synchronize(accelerator() or "cpu")


def _alone() -> tuple[int, int]:
    """The references that a fresh view has, as a fresh array, and those of its owner: as `own_copy` counts them."""

    def own(batch: NDArray[Any]) -> tuple[int, int]:
        return count(batch)

    def count(array: NDArray[Any]) -> tuple[int, int]:
        base = array.base
        return sys.getrefcount(array), sys.getrefcount(base)

    batch: NDArray[Any] = np.empty(2).reshape(1, 2)
    return own(batch)


_ALONE, _ALONE_BASE = _alone()


def is_array(answer: object) -> bool:
    """Whether something is an array of numpy or a tensor."""
    torch = sys.modules.get("torch")  # where torch was never imported, nothing can be a tensor
    return isinstance(answer, np.ndarray) or (torch is not None and isinstance(answer, torch.Tensor))
