"""What `dataset.json` holds, as far as anything is taken from it."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gifbench.argument_types import validation_fault
from gifbench.dataset.shard_format import FORMAT

MAX_ABOUT = 16 << 20
"""Bytes of the largest `dataset.json` that is read; honest ones have some thousand."""

Gifs = Literal["stored", "generated"]
"""Whether the shards hold a clip's GIFs, or they are made of its truth when they are read."""

_Count = Annotated[int, Field(ge=0, lt=2**63)]


class _Outcomes(BaseModel):
    built: _Count
    rejected: dict[str, _Count]
    failed: dict[str, _Count]


class _Earlier(BaseModel):
    fingerprint: str
    removed: _Count


class _About(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False)

    name: str
    title: str = ""
    fingerprint: str
    recipe: dict[str, Any]
    clips: dict[str, _Count]
    frames: dict[str, _Count]
    bytes: _Count
    wanted: _Count
    official: dict[str, _Count] = {}
    released_stride: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    outcomes: _Outcomes
    earlier_fingerprints: list[_Earlier] = []


class _Versioned(BaseModel):
    format: Annotated[int, Field(ge=1)]


def parse_about(data: bytes) -> dict[str, Any]:
    """The bytes of `dataset.json` as Python's values, checked unless they are of a later format.

    Values that earlier versions called otherwise have their names of today. Raises `ValueError` for what is none.
    """
    try:
        about: dict[str, Any] = json.loads(data)
        if _Versioned.model_validate(about, strict=True).format <= FORMAT:
            _About.model_validate(about, strict=True)
            if "gifs" in about["recipe"]:
                about["recipe"]["gifs"] = current_gifs(about["recipe"]["gifs"])
    except ValidationError as error:
        raise ValueError(validation_fault(error)[:200]) from error
    except RecursionError as error:
        raise ValueError(f"{type(error).__name__}: {error}"[:200]) from error
    return about


def current_gifs(value: object) -> object:
    """A value of the parameter `gifs`, which version 0.1.0 called "made" where it is "generated" now."""
    return "generated" if value == "made" else value
