"""Devices: the CPU, and whatever accelerator torch knows here (CUDA, ROCm, MPS, XPU). No other module names one.

A device is a string: `cpu`, or an accelerator's kind with a number where there are several, such as `cuda` or `cuda:1`.
Importing this module loads no torch.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

from gifbench.argument_types import check_types
from gifbench.errors import MissingExtra, UsageError

DEVICE_HELP = "auto, cpu, or an accelerator such as cuda, cuda:1, mps or xpu; for methods that use torch."

_DEVICE = re.compile(r"([a-z][a-z0-9]*)(?::(\d{1,3}))?")

_KINDS = frozenset(("cpu", "cuda", "mps", "xpu", "mtia"))
"""What torch has a module for, wherever it was built; packages bring others, such as `npu`."""


def accelerator() -> str | None:
    """The kind of accelerator that torch can use here: `cuda` (ROCm too), `mps`, `xpu`, …; None without one."""
    import torch

    found = torch.accelerator.current_accelerator(check_available=True)
    return None if found is None else str(found.type)


def kind_of(device: str) -> str:
    """`cuda` for `cuda:1`."""
    return device.partition(":")[0]


def check_device(device: str, *, option: str = "device") -> None:
    """Raise `UsageError` for what cannot be a device.

    That it is here is not asked: a method without torch uses none. Loads torch only for a kind that packages may bring.
    """
    if device != "auto" and not (_DEVICE.fullmatch(device) and _is_kind(kind_of(device))):
        raise UsageError(
            f'there is no device "{device}": {option} must be auto, cpu, or an accelerator (cuda, cuda:1, mps, xpu)'
        )


def check_devices(devices: str) -> str:
    """One device or several, as in `cuda:0,cuda:1`; raises what `check_device` raises."""
    for device in devices.split(","):
        check_device(device)
    return devices


def _is_kind(kind: str) -> bool:
    """Whether torch has devices of that kind on some machine, or a package that is installed here brings some."""
    if kind in _KINDS:
        return True
    try:
        import torch

        return torch.get_device_module(kind) is not None
    except (ImportError, OSError, RuntimeError):  # no torch, or none that loads; no such kind
        return False


def choose_device(device: str, *, option: str = "device", wanted_for: str = "this") -> str:
    """The device that `device` means here: `auto` is the accelerator where there is one.

    Raises `UsageError` for a device that is not here, `MissingExtra` without torch.
    """
    check_device(device, option=option)
    try:
        import torch
    except ImportError as error:
        raise MissingExtra("torch", extra="torch", wanted_for=wanted_for) from error
    here = accelerator()
    if device == "auto":
        return here or "cpu"
    if device == "cpu":
        return "cpu"
    kind, _, number = device.partition(":")
    if here is None:
        raise UsageError(f"--{option} {device}: torch sees no GPU here; use --{option} cpu or auto")
    if kind != here:
        raise UsageError(f"--{option} {device}: torch has {here} here; use --{option} {here}, cpu or auto")
    if number and int(number) >= (count := torch.get_device_module(kind).device_count()):
        raise UsageError(f"--{option} {device}: torch sees {count} here, {kind}:0 to {kind}:{count - 1}")
    return device


def device_model(device: str) -> str:
    """A device as a result records it, with its model where torch tells that: `cuda: NVIDIA H100`."""
    torch = sys.modules.get("torch")
    kind, _, number = device.partition(":")
    if torch is None or kind in ("cpu", "torch"):
        return device
    named = getattr(torch.get_device_module(kind), "get_device_name", None)
    return f"{kind}: {named(int(number) if number else None)}" if callable(named) else device


@check_types
def is_out_of_memory(error: BaseException) -> bool:
    """Whether Python or torch ran out of memory, on an accelerator or, where the system says so, on the CPU.

    torch has a class for it on accelerators that support it, and elsewhere only a text.
    """
    text = str(error)
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and ("can't allocate memory" in text or "out of memory" in text))
    )


def free_memory(device: str) -> None:
    """Give back the memory that torch keeps for later on this device, after it ran out."""
    torch = sys.modules.get("torch")
    if torch is None or kind_of(device) == "cpu":
        return
    free = getattr(torch.get_device_module(kind_of(device)), "empty_cache", None)
    if callable(free):
        free()


def synchronize(device: str) -> None:
    """Wait until the device has done all that was asked of it; nothing to wait for on the CPU."""
    if kind_of(device) != "cpu":
        import torch

        torch.get_device_module(kind_of(device)).synchronize()


Job = Callable[[], Any]


def one_after_the_other(first: Job, second: Job) -> tuple[Any, Any]:
    """What both give, one after the other."""
    return first(), second()


@check_types
def side_by_side(device: str) -> Callable[[Job, Job], tuple[Any, Any]]:
    """How to do two things at the same time on `device`: on two streams, where it has streams.

    What the first leaves on the device is ready for whatever follows: the stream beside waits for the main one before
    it begins, and the main one for it afterwards, so that memory which is handed back on either is never taken again
    while the other still reads it.
    """
    if kind_of(device) == "cpu":
        return one_after_the_other
    import torch

    module = torch.get_device_module(kind_of(device))
    if not all(hasattr(module, name) for name in ("Stream", "stream", "current_stream")):
        return one_after_the_other  # such as mps
    beside = module.Stream(device)

    def together(first: Job, second: Job) -> tuple[Any, Any]:
        main = module.current_stream(device)
        beside.wait_stream(main)
        with module.stream(beside):
            one = first()
        two = second()
        main.wait_stream(beside)
        return one, two

    return together


_TORCH_DEFAULTS: dict[str, object] = {
    "dtype": "float32",
    "matmul": "highest",
    "tf32": True,
    "deterministic": False,
    "grad": True,
}


def torch_settings() -> dict[str, object]:
    """What torch computes by in this process: its own defaults where it was not imported yet."""
    torch = sys.modules.get("torch")
    if torch is None:
        return dict(_TORCH_DEFAULTS)
    return {
        "dtype": str(torch.get_default_dtype()).removeprefix("torch."),
        "matmul": torch.get_float32_matmul_precision(),
        "tf32": torch.backends.cudnn.allow_tf32,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "grad": torch.is_grad_enabled(),
    }


def set_torch_settings(settings: Mapping[str, object]) -> None:
    """Have torch compute as `torch_settings` said, in this or another process; what is so already is not touched."""
    torch: Any = sys.modules.get("torch")
    if torch is None:
        return
    setters: dict[str, Callable[[Any], object]] = {
        "dtype": lambda value: torch.set_default_dtype(getattr(torch, value)),
        "matmul": torch.set_float32_matmul_precision,
        "tf32": lambda value: setattr(torch.backends.cudnn, "allow_tf32", value),
        "deterministic": torch.use_deterministic_algorithms,
        "grad": torch.set_grad_enabled,
    }
    now = torch_settings()
    for name, value in settings.items():
        if name in setters and value != now[name]:
            setters[name](value)
