"""Counting a blind study: what people chose, checked, and how sure a preference is.

References: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference" (1927); Dixon and Mood, "The
Statistical Sign Test" (1946); Holm, "A Simple Sequentially Rejective Multiple Test Procedure" (1979).
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gifbench.argument_types import validation_fault
from gifbench.blind_study.study_pages import KEY, StudyKey
from gifbench.errors import NotFound, ResultsError, storage_errors
from gifbench.leaderboard.safe_names import visible
from gifbench.results.significance import holm_corrected

MOST_BYTES = 4 << 20
_RESAMPLES = 10_000
_SEED = 1901
_Z = 1.959964


class Choice(BaseModel):
    """One pair as it was shown: the films on either side, and which was chosen."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    pair: str = Field(max_length=16)
    left: str = Field(max_length=16)
    right: str = Field(max_length=16)
    chosen: Literal["left", "right", "none"]
    seconds: float = Field(ge=0)


class Choices(BaseModel):
    """What the page of a study saves: one person's choices. `session` is drawn anew each time a person begins."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    gifbench_choices: Literal[1]
    study: str = Field(max_length=16)
    session: str = Field(pattern=r"^[0-9a-f]{16}$")
    participant: str = Field(max_length=200)
    choices: list[Choice] = Field(max_length=100_000)

    @property
    def who(self) -> str:
        """The person: by the name that was given, or the session where none was."""
        return visible(self.participant, limit=60) if self.participant.strip() else self.session


@dataclass(frozen=True, slots=True)
class Preference:
    """Two methods: how often each was preferred, by how many people on how many clips.

    `share` is how often the first one was preferred, ties half; `ci95` its 95% interval, the wider of two at either
    end: Wilson's, which takes choices as independent, and that of resampled people, which does not. `p_value` is of the
    sign test on the choices that prefer one, corrected for all pairs of methods (Holm).
    """

    methods: tuple[str, str]
    preferred: tuple[int, int]
    undecided: int
    people: int
    clips: int
    share: float
    ci95: tuple[float, float]
    p_value: float


def read_key(study: Path) -> StudyKey:
    """The key of the study in the folder `study`; raises `NotFound`, or `ResultsError` for a file that is none."""
    path = study / KEY
    if not path.is_file():
        raise NotFound(f"{path}: no study is here; gifbench study DATASET METHOD METHOD --out {study} makes one")
    try:
        key = StudyKey.model_validate_json(_bytes(path))
    except ValidationError as error:
        raise ResultsError(f"{path}: not the key of a study ({visible(validation_fault(error), limit=200)})") from error
    if key.gifbench_study != 1:
        raise ResultsError(f"{path}: schema {key.gifbench_study} is of a later gifbench, this one reads 1; upgrade it")
    if any(not 0 <= method < len(key.methods) for pair in key.pairs for method in pair.methods):
        raise ResultsError(f"{path}: a pair names a method that the study has not; it was changed by hand")
    return key


def read_choices(key: StudyKey, places: Sequence[Path]) -> tuple[list[Choices], list[ResultsError]]:
    """Read files of choices, and all JSON files in folders; of one session that is there twice, the one with more.

    Also what is wrong with those that are left out: damaged, too large, of another study, or with films that a pair
    has not. Raises `NotFound` for a place that is not there.
    """
    found: dict[str, Choices] = {}
    refused = []
    for place in places:
        if not place.exists():
            raise NotFound(f"{place}: no choices are here; the page of the study saves them when it is finished")
        for path in sorted(place.glob("*.json")) if place.is_dir() else [place]:
            try:
                choices = _read(key, path)
            except ResultsError as error:
                refused.append(error)
                continue
            if len(choices.choices) > len(found[choices.session].choices if choices.session in found else []):
                found[choices.session] = choices
    return [found[session] for session in sorted(found)], refused


def _read(key: StudyKey, path: Path) -> Choices:
    try:
        choices = Choices.model_validate(json.loads(_bytes(path)))
    except ValidationError as error:
        raise ResultsError(f"{path}: no choices of a study ({visible(validation_fault(error), limit=200)})") from error
    except (ValueError, RecursionError) as error:
        raise ResultsError(
            f"{path}: no choices of a study, or half written ({visible(str(error), limit=80)})"
        ) from error
    if choices.study != key.study:
        raise ResultsError(f"{path}: these choices are of another study")
    pairs = {pair.pair: pair for pair in key.pairs}
    seen = set()
    for choice in choices.choices:
        pair = pairs.get(choice.pair)
        if pair is None or {choice.left, choice.right} != {pair.first, pair.second}:
            raise ResultsError(f"{path}: it names films that the study does not show together; it was changed by hand")
        if choice.pair in seen:
            raise ResultsError(f"{path}: it has two answers to one pair; it was changed by hand")
        seen.add(choice.pair)
    return choices


def _bytes(path: Path) -> bytes:
    with storage_errors(path):
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe would be waited for
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise ResultsError(f"{path}: it is no regular file")
            data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ResultsError(f"{path}: over {MOST_BYTES >> 20} MiB, which no study's file is")
    return data


def preferences(key: StudyKey, people: Sequence[Choices]) -> list[Preference]:
    """Every two methods that were shown together, in the order of the key; none that nobody has judged."""
    votes: dict[tuple[int, int], list[tuple[str, str, float]]] = defaultdict(list)
    pairs = {pair.pair: pair for pair in key.pairs}
    for person in people:
        for choice in person.choices:
            pair = pairs[choice.pair]
            shown = {pair.first: pair.methods[0], pair.second: pair.methods[1]}
            a, b = sorted(pair.methods)
            chosen = {"left": shown[choice.left], "right": shown[choice.right]}.get(choice.chosen)
            value = 0.5 if chosen is None else float(chosen == a)
            votes[a, b].append((person.who, pair.clip, value))
    judged = [two for two in combinations(range(len(key.methods)), 2) if votes[two]]
    corrected = holm_corrected(np.array([_sign_test(votes[two]) for two in judged])).tolist()
    return [_preference(key, two, votes[two], p_value) for two, p_value in zip(judged, corrected, strict=True)]


def _preference(
    key: StudyKey, two: tuple[int, int], votes: Sequence[tuple[str, str, float]], p_value: float
) -> Preference:
    values = [value for _, _, value in votes]
    share = sum(values) / len(values)
    wilson, resampled = _wilson(share, len(values)), _resampled(votes)
    return Preference(
        methods=(visible(key.methods[two[0]]), visible(key.methods[two[1]])),
        preferred=(values.count(1.0), values.count(0.0)),
        undecided=values.count(0.5),
        people=len({who for who, _, _ in votes}),
        clips=len({clip for _, clip, _ in votes}),
        share=share,
        ci95=(round(min(wilson[0], resampled[0]), 6), round(max(wilson[1], resampled[1]), 6)),
        p_value=p_value,
    )


def _wilson(share: float, count: int) -> tuple[float, float]:
    """Wilson's 95% interval of a share of `count`."""
    middle = share + _Z**2 / (2 * count)
    half = _Z * math.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2))
    return (middle - half) / (1 + _Z**2 / count), (middle + half) / (1 + _Z**2 / count)


def _resampled(votes: Sequence[tuple[str, str, float]]) -> tuple[float, float]:
    """The 95% percentile interval of the share when people are drawn anew, each with all their choices."""
    people = sorted({who for who, _, _ in votes})
    sums = np.array([[sum(v for w, _, v in votes if w == who), sum(w == who for w, _, _ in votes)] for who in people])
    drawn = np.random.default_rng(_SEED).integers(len(people), size=(_RESAMPLES, len(people)))
    totals = sums[drawn].sum(axis=1)
    low, high = np.quantile(totals[:, 0] / totals[:, 1], [0.025, 0.975])
    return float(low), float(high)


def _sign_test(votes: Sequence[tuple[str, str, float]]) -> float:
    """Exact two-sided p-value that choices fall to either side by chance; those without a preference say nothing."""
    first = sum(value == 1 for _, _, value in votes)
    decided = sum(value != 0.5 for _, _, value in votes)
    tail = sum(math.comb(decided, i) for i in range(min(first, decided - first) + 1))
    return min(1.0, float(Fraction(2 * tail, 1 << decided)))
