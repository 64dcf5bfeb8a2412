"""An accelerator that needs no hardware: tensors that say they are on `pretend`, and compute on the CPU.

A tensor on it holds a CPU tensor and refuses to meet one that is not on it, as tensors on a GPU do, so that mixed
devices are found without a GPU. Every copy between host and device is counted. Results are the CPU's, to the bit,
because the CPU makes them.

    with pretend_device() as pretend:
        network.to("pretend")
        pretend.to_device, pretend.to_host    # copies of tensors so far
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch.utils._python_dispatch import return_and_correct_aliasing

KIND = "pretend"
aten = torch.ops.aten


class PretendTensor(torch.Tensor):
    """A tensor on the pretend device; `inner` is the CPU tensor that holds its values."""

    inner: torch.Tensor

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> PretendTensor:
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=torch.device(KIND, 0),
            requires_grad=False,
        )
        made.inner = inner
        return made

    def __repr__(self, **_: Any) -> str:
        return f"PretendTensor({self.inner!r})"

    def tolist(self) -> Any:
        pretend.to_host += 1
        return self.inner.tolist()

    def numpy(self, *_: Any, **__: Any) -> Any:
        raise TypeError("can't convert a tensor on the pretend device to numpy: use Tensor.cpu() first")

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("can't convert a tensor on the pretend device to numpy: use Tensor.cpu() first")

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if torch.is_inference_mode_enabled():  # where what is made of several operations arrives whole
            parts = func.decompose(*args, **(kwargs or {}))
            if parts is not NotImplemented:
                return parts
        return dispatch(func, args, kwargs or {})


class MixedDevices(RuntimeError):
    """Tensors of the CPU and of the pretend device met in one operation."""


@dataclass
class Pretend:
    """What happened on the device."""

    to_device: int = 0
    to_host: int = 0
    operations: int = 0
    streams: int = 0
    active: bool = False
    fail_above: int | None = None
    """Elements of a result from which on the device says that its memory ran out."""

    def reset(self) -> None:
        """Count from zero."""
        self.to_device = self.to_host = self.operations = self.streams = 0


pretend = Pretend()

_INDEXED_BY_CPU = {aten.index.Tensor, aten.index_put_.default, aten.index_put.default}
_COPIES = {aten._to_copy.default, aten.copy_.default, aten._copy_from.default}


def dispatch(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Run one operation of torch on what the tensors hold."""
    tensors = [*_tensors(args), *_tensors(kwargs)]
    ours = [each for each in tensors if isinstance(each, PretendTensor)]
    theirs = [each for each in tensors if not isinstance(each, PretendTensor)]
    asked = kwargs.get("device")
    to = None if asked is None else torch.device(asked).type
    if to is None and not ours:
        return func(*args, **kwargs)
    if to is not None and to not in (KIND, "cpu") and not ours:
        return func(*args, **kwargs)
    if func in _COPIES:
        _count(func, args, to)
    elif ours and any(each.dim() for each in theirs) and func not in _INDEXED_BY_CPU:
        raise MixedDevices(f"{func}: expected all tensors to be on the same device, and found pretend:0 and cpu")
    pretend.operations += 1
    if ours and _gives_a_view(func):
        with torch.inference_mode(ours[0].is_inference()):  # a view is what its base is
            return _run(func, args, kwargs, to, ours)
    return _run(func, args, kwargs, to, ours)


@cache
def _gives_a_view(func: Any) -> bool:
    return any(each.alias_info is not None and not each.alias_info.is_write for each in func._schema.returns)


def _tensors(value: Any) -> list[torch.Tensor]:
    """The tensors of nested lists; torch's own trees of values take longer than the operations of a small network."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, (list, tuple, dict)):
        return [found for each in (value.values() if isinstance(value, dict) else value) for found in _tensors(each)]
    return []


def _mapped(change: Callable[[Any], Any], value: Any) -> Any:
    """Nested lists with each of their values changed."""
    if type(value) in (list, tuple):
        return type(value)([_mapped(change, each) for each in value])
    if type(value) is dict:
        return {name: _mapped(change, each) for name, each in value.items()}
    return change(value)


def _run(func: Any, args: Any, kwargs: dict[str, Any], to: str | None, ours: list[PretendTensor]) -> Any:
    inner_args, inner_kwargs = _mapped(_inner, args), _mapped(_inner, kwargs)
    if to is not None:
        inner_kwargs["device"] = torch.device("cpu")
    result = func(*inner_args, **inner_kwargs)
    if func is aten._local_scalar_dense.default:
        pretend.to_host += 1
        return result
    if func is aten.copy_.default:
        return args[0]
    on_device = to == KIND or (to is None and bool(ours))
    if not on_device:
        return _copied(result, inner_args)
    if pretend.fail_above is not None:
        for each in _tensors(result):
            if each.numel() > pretend.fail_above:
                raise torch.OutOfMemoryError(f"pretend out of memory. Tried to allocate {each.numel()} elements")
    wrapped = _mapped(_outer, result if func is not aten._to_copy.default else _copied(result, inner_args))
    return return_and_correct_aliasing(func, args, kwargs, wrapped)


def _count(func: Any, args: Any, to: str | None) -> None:
    """Note what goes from one side to the other."""
    if func is aten.copy_.default:
        target, source = args[0], args[1]
        if isinstance(target, PretendTensor) and not isinstance(source, PretendTensor):
            pretend.to_device += 1
        elif isinstance(source, PretendTensor) and not isinstance(target, PretendTensor):
            pretend.to_host += 1
    elif isinstance(args[0], PretendTensor):
        pretend.to_host += to == "cpu"
    else:
        pretend.to_device += to == KIND


def _copied(result: Any, inner_args: Any) -> Any:
    """A copy between devices shares no memory, even where the CPU would have given the same tensor back."""
    if isinstance(result, torch.Tensor) and any(result is each for each in inner_args):
        return result.clone()
    return result


def _inner(value: Any) -> Any:
    if isinstance(value, PretendTensor):
        return value.inner
    return torch.device("cpu") if isinstance(value, torch.device) and value.type == KIND else value


def _outer(value: Any) -> Any:
    if isinstance(value, PretendTensor) or not isinstance(value, torch.Tensor):
        return value
    return PretendTensor(value)


def _empty(size: Any, *, dtype: Any = None, memory_format: Any = None, **_: Any) -> PretendTensor:
    return PretendTensor(torch.empty(size, dtype=dtype, memory_format=memory_format or torch.contiguous_format))


def _empty_strided(size: Any, stride: Any, *, dtype: Any = None, **_: Any) -> PretendTensor:
    return PretendTensor(torch.empty_strided(size, stride, dtype=dtype))


def _copy_from(source: torch.Tensor, target: torch.Tensor, non_blocking: bool = False) -> torch.Tensor:
    _count(aten.copy_.default, (target, source), None)
    _inner(target).copy_(_inner(source))
    return target


class _Stream:
    def __init__(self, device: Any = None) -> None:
        self.device = device

    def wait_stream(self, other: _Stream) -> None:
        assert isinstance(other, _Stream)


class _CurrentStream:
    def __init__(self, stream: _Stream) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        pretend.streams += 1

    def __exit__(self, *_: object) -> None:
        pass


class _Hooks(torch._C._acc.PrivateUse1Hooks):
    def is_available(self) -> bool:
        return pretend.active

    def has_primary_context(self, dev_id: int) -> bool:
        return True

    def is_built(self) -> bool:
        return True


_kept: list[Any] = []
"""What torch holds without counting it."""


def _module() -> types.ModuleType:
    module = types.ModuleType(f"torch.{KIND}")
    main = _Stream()
    for name, value in {
        "is_available": lambda: pretend.active,
        "is_initialized": lambda: True,
        "_is_in_bad_fork": lambda: False,
        "_lazy_init": lambda: None,
        "device_count": lambda: int(pretend.active),
        "current_device": lambda: 0,
        "manual_seed_all": lambda _: None,
        "get_rng_state": lambda *_: torch.zeros(0, dtype=torch.uint8),
        "set_rng_state": lambda *_: None,
        "get_amp_supported_dtype": lambda: [torch.float16, torch.bfloat16],
        "get_device_name": lambda *_: "Pretend 1",
        "synchronize": lambda *_: None,
        "empty_cache": lambda: None,
        "Stream": _Stream,
        "stream": _CurrentStream,
        "current_stream": lambda *_: main,
    }.items():
        setattr(module, name, value)
    return module


def install() -> None:
    """Tell torch of the device, once a process."""
    if not _kept:
        from torch.utils.backend_registration import _DummyDeviceGuard, _setup_privateuseone_for_python_backend

        _kept.extend((_module(), _Hooks(), _DummyDeviceGuard()))
        module, hooks, guard = _kept
        _setup_privateuseone_for_python_backend(KIND, module, hooks, guard)
        kernels = torch.library.Library("aten", "IMPL")
        kernels.impl("empty.memory_format", _empty, "PrivateUse1")
        kernels.impl("empty_strided", _empty_strided, "PrivateUse1")
        kernels.impl("_copy_from", _copy_from, "PrivateUse1")
        autocast = torch.library.Library("_", "IMPL", "AutocastPrivateUse1")
        autocast.fallback(
            torch.library.fallthrough_kernel
        )  # half precision is asked for, and leaves things as they are
        _kept.extend((kernels, autocast))


@contextmanager
def pretend_device() -> Iterator[Pretend]:
    """The device is here while the block runs; its counters begin at zero."""
    install()
    pretend.reset()
    pretend.fail_above = None
    pretend.active = True
    torch.__future__.set_swap_module_params_on_conversion(True)  # a moved parameter stays the same object, as elsewhere
    try:
        yield pretend
    finally:
        pretend.active = False
        torch.__future__.set_swap_module_params_on_conversion(False)
