"""Whether a method still holds an array that it gave back, and may write to it: then it is copied."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gifbench.devices import accelerator, synchronize


def own_copy(batch: Any) -> Any:  # noqa: ANN401  # an array or tensor, or whatever a method gave
    """The batch itself if nobody else can write to it, else a copy.

    A method may fill the same array again and again, or views of it, while the batch before is still measured. Whether
    it can is told by references: a fresh array that was just handed over has one.
    """
    if isinstance(batch, np.ndarray):
        return batch.copy() if _array_is_held(batch) else batch
    if is_array(batch) and batch.device.type == "cpu" and batch.layout is sys.modules["torch"].strided:
        return batch.detach().clone() if _tensor_is_held(batch) else batch
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


def _tensor_is_held(tensor: Any) -> bool:  # noqa: ANN401
    torch = sys.modules["torch"]
    if tensor.is_pinned():
        _wait_for_the_device()
    uses = getattr(torch._C, "_storage_Use_Count", None)  # where it is gone, every tensor is copied
    if uses is None or sys.getrefcount(tensor) > _ALONE or tensor.is_shared():
        return True
    storage = tensor.untyped_storage()
    if not storage.resizable():  # its memory is numpy's, or another library's
        return True
    fresh = torch.empty(1)
    fresh_storage = fresh.untyped_storage()
    held: bool = uses(storage._cdata) > uses(fresh_storage._cdata)
    return held


def _wait_for_the_device() -> None:
    """A copy from the GPU into pinned memory may still be under way."""
    synchronize(accelerator() or "cpu")


def _alone() -> tuple[int, int]:
    """The references that a fresh array has, and those of its owner where it is a view: as `own_copy` counts them."""
    seen: list[int] = []

    def own(batch: object) -> None:
        count(batch)

    def count(array: Any) -> None:  # noqa: ANN401
        seen.append(sys.getrefcount(array))
        base = array.base
        if base is not None:
            seen.append(sys.getrefcount(base))

    batch: NDArray[Any] = np.empty(1)
    own(batch)
    batch = np.empty(2).reshape(1, 2)
    own(batch)
    return seen[0], seen[2]


_ALONE, _ALONE_BASE = _alone()


def is_array(answer: object) -> bool:
    """Whether something is an array of numpy or a tensor."""
    torch = sys.modules.get("torch")  # where torch was never imported, nothing can be a tensor
    return isinstance(answer, np.ndarray) or (torch is not None and isinstance(answer, torch.Tensor))
