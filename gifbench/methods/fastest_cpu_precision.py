"""Which arithmetic a network restores in on this processor, where nobody said it: half precision if that is faster."""

from __future__ import annotations

import sys
from typing import get_args

from gifbench.devices import accelerator
from gifbench.methods.options import NESTED, keyword_parameters, parse_spec
from gifbench.methods.registry import (
    LoadedMethod,
    load_any_method,
    load_method,
    offered_method,
    relabeled,
    split_label,
)


def faster_on_cpu(method: object, device: str) -> LoadedMethod:
    """A method, as `load_any_method` takes it, in the fastest precision that it offers, where it would run on a CPU.

    That is bf16 on a processor that computes in it (half the time, 0.04 of a level apart in the mean), or else
    `winograd` on one with AVX2 and no AVX-512 (0.001 of a level at the most). What is told `precision=` keeps it.
    """
    label, spec = split_label(method) if isinstance(method, str) else ("", "")
    if label:
        return relabeled(faster_on_cpu(spec, device), label)
    kind, text = (method.source or ("", "")) if isinstance(method, LoadedMethod) else ("installed", method)
    if kind != "installed" or not isinstance(text, str) or "precision=" in text:
        return load_any_method(method)
    found = offered_method(text.partition(":")[0].strip())
    option = keyword_parameters(found[0].load()).get("precision") if found is not None else None
    wanted = _fastest_precision()
    if option is None or option.default != "fp32" or wanted == "fp32" or wanted not in get_args(option.annotation):
        return load_any_method(method)
    if device != "cpu" and (device != "auto" or accelerator() is not None):
        return load_any_method(method)
    name, _, options = text.partition(":")
    if list(given := parse_spec(text).options) == [NESTED]:  # whose option it would be, without brackets
        options = f"[{given[NESTED]}]"
    return load_method(f"{name}:{options}{',' if options else ''}precision={wanted}")


def _fastest_precision() -> str:
    """Which precision is worth its price on this processor: those that it only imitates are none."""
    torch = sys.modules.get("torch")
    find = getattr(getattr(torch, "cpu", None), "get_capabilities", None)
    found = find() if find is not None else {}
    if found.get("avx512_bf16") or found.get("amx_bf16") or found.get("bf16"):
        return "bf16"
    return "winograd" if found.get("avx2") and not found.get("avx512_f") else "fp32"
