"""Which row of Video2GIF an official clip is: from the order of a video's rows and the frame count, never by a guess.

The clips of GIF-Moments are called `<YouTube id>_<NNN>`, NNN counting the rows of the video, and their frame counts are
known; how the rows were counted is documented nowhere. So the table itself is asked. Clips whose frame count only one
row of their video has are decided by that alone, and show by which order NNN counts: if one order explains 99% of them,
it also decides where several rows have the right frame count. Where it does not, or where order and frames contradict
each other, the clip stays ambiguous, with its candidates.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from gifbench import ManifestRow

from .video2gif_list import Moment

State = Literal["matched", "ambiguous", "unmatched"]

ENOUGH, NEARLY_ALL = 20, 0.99
"""So many clips must be decided by frames alone, and such a share of them must follow an order, before it is used."""

_Clips = Mapping[str, Sequence[tuple[int, ManifestRow]]]


@dataclass(frozen=True, slots=True)
class Match:
    """What became of an official clip: its row if it is matched, those that it could be if it is ambiguous."""

    clip: ManifestRow
    state: State
    why: str
    candidates: tuple[Moment, ...] = ()

    @property
    def row(self) -> ManifestRow:
        """A matched clip with its span; the licence follows the table where that says Creative Commons."""
        (moment,) = self.candidates
        licence = "CC BY 3.0 (YouTube)" if moment.creative_commons else self.clip.licence
        note = f"Video2GIF line {moment.line}, gif_id {moment.gif_id}"
        return self.clip.model_copy(update={"start": moment.start, "end": moment.end, "licence": licence, "note": note})

    def to_dict(self) -> dict[str, object]:
        """What a person needs to decide a clip that is not matched."""
        names = ("line", "gif_id", "start", "end", "start_frame", "end_frame", "frames", "problem")
        candidates = [{name: getattr(moment, name) for name in names} for moment in self.candidates]
        about = {name: getattr(self.clip, name) for name in ("clip_id", "split", "frames", "height", "width")}
        return {**about, "state": self.state, "why": self.why, "candidates": candidates}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the table itself shows of how clips were numbered and cut."""

    order: str | None
    """The order that NNN counts by, a key of `ORDERS`; None if none is sure."""
    agree: int
    deciding: int
    """Of so many clips that frames alone decide, `agree` follow the best order."""
    offset: int
    """Frames that a released clip has more than its row says."""


@dataclass(frozen=True, slots=True)
class Joined:
    """All official clips, in their order, and what they were decided by."""

    matches: tuple[Match, ...]
    evidence: Evidence

    def only(self, clip_ids: Collection[str]) -> Joined:
        """The same for some of the clips."""
        return replace(self, matches=tuple(match for match in self.matches if match.clip.clip_id in clip_ids))

    def undecided(self) -> bytes:
        """The clips that are not matched as JSON lines, each with the reason and the rows that it could be."""
        left = (match.to_dict() for match in self.matches if match.state != "matched")
        return "".join(f"{json.dumps(line)}\n" for line in left).encode()

    def count(self) -> dict[str, dict[State, int]]:
        """Clips by split and state."""
        counts: dict[str, dict[State, int]] = {}
        for match in self.matches:
            split = counts.setdefault(match.clip.split, {"matched": 0, "ambiguous": 0, "unmatched": 0})
            split[match.state] += 1
        return counts


def _by_start(moments: Sequence[Moment]) -> list[Moment]:
    return sorted(moments, key=lambda moment: (moment.start_frame, moment.end_frame))


def _distinct(moments: Iterable[Moment]) -> list[Moment]:
    """One row for each span, the first: two people may have made the same GIF."""
    found: dict[tuple[int, int], Moment] = {}
    for moment in moments:
        found.setdefault(moment.span, moment)
    return list(found.values())


ORDERS: Mapping[str, Callable[[Sequence[Moment]], list[Moment]]] = {
    "the file": list,
    "the file, equal spans once": _distinct,
    "their starts": _by_start,
    "their starts, equal spans once": lambda moments: _distinct(_by_start(moments)),
}
"""The orders by which NNN may count the rows of a video, from 1."""


def join(clips: Iterable[ManifestRow], moments: Iterable[Moment], *, tolerance: int = 1) -> Joined:
    """Find the row of each clip of the official list; `tolerance` is how many frames its count may be off."""
    official = list(clips)
    of_video: dict[str, list[Moment]] = defaultdict(list)
    for moment in moments:
        of_video[moment.youtube_id].append(moment)
    numbered: dict[str, list[tuple[int, ManifestRow]]] = defaultdict(list)
    for clip in official:
        numbered[clip.locator].append((int(clip.clip_id.rsplit("_", 1)[1]), clip))
    offset = _offset(numbered, of_video)
    evidence = _evidence(numbered, of_video, offset)
    found: dict[str, Match] = {}
    for video, wanted in numbered.items():
        decide = _Video(of_video.get(video, []), evidence, tolerance)
        matches = [decide(number, clip) for number, clip in wanted]
        found.update((match.clip.clip_id, match) for match in _each_row_once(matches, of_video.get(video, ())))
    return Joined(tuple(found[clip.clip_id] for clip in official), evidence)


def _offset(clips: _Clips, of_video: Mapping[str, Sequence[Moment]]) -> int:
    """By how many frames released clips are longer than their rows: what most videos with one row and one clip say."""
    seen = Counter(
        (wanted[0][1].frames or 0) - of_video[video][0].frames
        for video, wanted in clips.items()
        if len(wanted) == 1 and len(of_video.get(video, ())) == 1
    )
    if not seen:
        return 0
    offset, times = seen.most_common(1)[0]
    return offset if times >= ENOUGH and times > seen.total() / 2 else 0


def _evidence(clips: _Clips, of_video: Mapping[str, Sequence[Moment]], offset: int) -> Evidence:
    agree, deciding = Counter[str](), 0
    for video, wanted in clips.items():
        rows = of_video.get(video, ())
        spans = _distinct(rows)
        if len(spans) < 2:
            continue
        counts = Counter(moment.frames + offset for moment in spans)
        orders = {name: [moment.span for moment in order(rows)] for name, order in ORDERS.items()}
        for number, clip in wanted:
            if counts[clip.frames or 0] == 1:
                deciding += 1
                span = next(moment.span for moment in spans if moment.frames + offset == clip.frames)
                agree.update(name for name, order in orders.items() if order[number - 1 : number] == [span])
    best, times = max(((name, agree[name]) for name in ORDERS), key=lambda pair: pair[1])
    sure = deciding >= ENOUGH and times >= NEARLY_ALL * deciding
    return Evidence(best if sure else None, times, deciding, offset)


class _Video:
    """Decides the clips of one video."""

    def __init__(self, rows: Sequence[Moment], evidence: Evidence, tolerance: int) -> None:
        self._rows, self._spans = rows, _distinct(rows)
        self._offset, self._tolerance = evidence.offset, tolerance
        self._order = None if evidence.order is None else ORDERS[evidence.order](rows)

    def __call__(self, number: int, clip: ManifestRow) -> Match:
        if not self._rows:
            return Match(clip, "unmatched", "the table has no row of this video")
        exact = [moment for moment in self._spans if self._off(moment, clip) == 0]
        near = exact or [moment for moment in self._spans if self._off(moment, clip) <= self._tolerance]
        if not near:
            counts = ", ".join(str(moment.frames + self._offset) for moment in self._spans[:10])
            return Match(clip, "unmatched", f"it has {clip.frames} frames, and the video's rows have {counts}")
        if self._order is None:
            if len(near) > 1 or not (exact or len(self._spans) == 1):
                why = f"{len(near)} rows have about its frames, and which order the numbers follow is not sure"
                return Match(clip, "ambiguous", why, tuple(near))
            chosen, why = near[0], "frames alone"
        else:
            by_order = self._order[number - 1] if 0 < number <= len(self._order) else None
            if by_order is None or by_order.span not in [moment.span for moment in near]:
                said = "has no row of that number" if by_order is None else f"says line {by_order.line}"
                why = f"its frames fit other rows than its number, which {said}"
                return Match(clip, "ambiguous", why, tuple(near))
            chosen, why = by_order, "order and frames"
        if chosen.problem:
            return Match(clip, "unmatched", f"line {chosen.line} is its row, but {chosen.problem}")
        return Match(clip, "matched", why, (chosen,))

    def _off(self, moment: Moment, clip: ManifestRow) -> int:
        return abs(moment.frames + self._offset - (clip.frames or 0))


def _each_row_once(matches: Sequence[Match], rows: Sequence[Moment]) -> list[Match]:
    """More clips than rows with a span are not matched to it: one of them is wrong, and which is not known."""
    there = Counter(moment.span for moment in rows)
    claims = Counter(match.candidates[0].span for match in matches if match.state == "matched")
    return [
        Match(match.clip, "ambiguous", "another clip of the video fits the same row", match.candidates)
        if match.state == "matched" and claims[match.candidates[0].span] > there[match.candidates[0].span]
        else match
        for match in matches
    ]
