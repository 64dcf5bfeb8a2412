"""Making one clip: from a source file to its group of members, one frame in memory at a time.

What comes out is an outcome and a file. Which dataset the clip is for, and whether it gets there, is not known here.
"""

from __future__ import annotations

import functools
import hashlib
import io
import math
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from gifbench.builder.recipe import Recipe, SourceVideo
from gifbench.builder.truth_lossless_or_packets import Cut, Quantized, keep_source
from gifbench.dataset.failure_reasons import KINDS
from gifbench.dataset.gifs_from_truth import GIFS, GifMaker, columns_of_made
from gifbench.dataset.index_rows import MEMBERS, IndexRow, Member
from gifbench.dataset.row_outcomes import Outcome, outcome_of
from gifbench.dataset.shard_format import about_clip, write_member
from gifbench.errors import DamagedMedia, DiskFull, MissingExtra, NotWritable, StorageError, storage_errors
from gifbench.manifest.locator_check import FILE
from gifbench.manifest.rows import ManifestRow
from gifbench.media.colors.quantize import PairQuantizer
from gifbench.media.perceptual_hash import PerceptualHash
from gifbench.media.video import Frame, Span, snap_times
from gifbench.text_redaction import hashed

_FETCH_AGAIN = "Where the store lost bytes of it, gifbench verify STORE --repair and gifbench fetch bring it again"
GROUP = "group"
"""The file that holds the group of a built clip, in the folder that was given for it."""


def make_clip(recipe: Recipe, row: ManifestRow, source: Path, scratch: Path) -> Outcome:
    """What becomes of a row: the files of its clip grow in the folder `scratch`, and its group stays there as `GROUP`.

    Whatever is wrong with the clip is its outcome. Raises `StorageError` for what is wrong with the folder, since that
    would be wrong for every clip: a full disk, a place that cannot be written. `MissingExtra`, likewise, where a
    package is absent that the recipe stands on.
    """
    if why := recipe.missing_span(row):
        # The whole video would be built otherwise, which is not what the manifest means.
        return Outcome(row.clip_id, "failed", "no_span", why)
    started = time.perf_counter()
    try:
        index_row, done = _make(recipe, row, source, scratch)
    except OutputError as error:
        raise error.args[0] from None
    except MissingExtra:
        raise
    except (Exception, SystemExit) as error:
        outcome = outcome_of(error, row.clip_id)
        if isinstance(error, DamagedMedia) and row.source != FILE:
            outcome = replace(outcome, detail=f"{outcome.detail}. {_FETCH_AGAIN}")
        if outcome.state == "failed" and KINDS[outcome.reason] == "permanent":
            with suppress(OSError):
                outcome = replace(outcome, source_sha256=_source_sha256(source))
        return replace(outcome, seconds=time.perf_counter() - started)
    notes = done.notes
    if row.frames not in (None, index_row.frames):
        notes = (f"{row.frames} frames were expected, there are {index_row.frames}", *notes)
    took = time.perf_counter() - started
    return Outcome(row.clip_id, "built", detail="; ".join(notes), seconds=took, look=done.look, row=index_row)


class OutputError(Exception):
    """Holds a `StorageError` of the scratch folder, told apart from one of the source."""


def _make(recipe: Recipe, row: ManifestRow, source: Path, scratch: Path) -> tuple[IndexRow, Quantized]:
    """The row of the clip for the index, and what is known of its frames."""
    span = Span(_fraction(row.start), _fraction(row.end), row.start_frame, row.end_frame)
    video = recipe.open(source, span)
    cut = Cut(recipe, video, recipe.geometry(video))
    geometry = cut.geometry
    done = _write_members(cut, scratch)
    recipe.check_length(len(done.times))
    first = None
    if recipe.truth == "source":
        try:
            first = keep_source(cut, done, scratch / MEMBERS["truth"])
        except (DiskFull, NotWritable) as error:  # of the dataset's disk, not of the clip
            raise OutputError(error) from error
    times, duration, fps, ticks, time_base = _clock(done.times, done.duration, video)
    asked = span.start or Fraction(span.start_frame or 0) / video.info.frame_rate
    # Freed from the rounding of the container's clock where it can be.
    start = asked if abs(asked - done.start) <= video.info.time_base else done.start
    aspect = video.info.pixel_aspect
    maker = {"colors": recipe.colors, "quantizer": recipe.quantizer, "kmeans_steps": recipe.kmeans_steps}
    generated = recipe.gifs == "generated"
    made = columns_of_made(maker, (done.times, done.duration), (times, duration)) if generated else {}
    unplaced = Member(0, 0, "")
    index_row = IndexRow(
        clip_id=row.clip_id,
        split=row.split,
        source=row.source,
        locator=hashed(row.locator),  # shards are shared; the manifest keeps what fetching again needs
        source_sha256=_source_sha256(source),
        start_seconds=float(start),
        end_seconds=float(start + duration),
        frames=len(times),
        fps=str(fps),
        time_base=str(time_base),
        ticks=ticks,
        width=geometry.width,
        height=geometry.height,
        crop=geometry.crop,
        licence=row.licence,
        pixels_sha256=done.pixels_sha256,
        shard="",
        truth=unplaced,
        plain=unplaced,
        dithered=unplaced,
        truth_first=first,
        truth_filter=None if first is None else geometry.filter,
        truth_jpeg=None if first is None else recipe.jpeg,
        pixel_aspect=None if aspect == 1 else str(aspect),
        **made,
    )
    return _write_group(index_row, scratch), done


def _write_members(cut: Cut, scratch: Path) -> Quantized:
    """Write both GIFs and, where the recipe wants it lossless, the truth, a frame at a time."""
    times: list[Fraction] = []
    clock: list[Fraction] = []
    notes: dict[str, None] = {}
    start = Fraction(0)
    digest, look = hashlib.sha256(), PerceptualHash()
    recipe = cut.recipe
    with _output_errors(scratch), ExitStack() as stack:
        truth = None
        if recipe.truth == "lossless":
            truth = stack.enter_context(cut.lossless(scratch / MEMBERS["truth"]))
        files = {name: stack.enter_context((scratch / MEMBERS[name]).open("wb")) for name in GIFS}
        quantize = PairQuantizer(colors=recipe.colors, quantizer=recipe.quantizer, kmeans_steps=recipe.kmeans_steps)
        gifs = GifMaker(files, quantize, width=cut.geometry.width, height=cut.geometry.height)
        duration = Fraction(0)
        for frame in _source_errors(cut.video.decode()):
            pixels = cut.pixels(frame.pixels)
            if truth is not None:
                truth.add(pixels)
            gifs.add(pixels, frame.time)
            digest.update(pixels.data)
            start = start if times else frame.video_time
            notes.update(dict.fromkeys(frame.notes))
            look.add(pixels)
            times.append(frame.time)
            clock.append(frame.clock)
            duration = frame.time + frame.duration
        gifs.close(duration)
    ends = (clock[0], clock[-1])
    if left_out := cut.video.damaged.note():
        notes[left_out] = None
    return Quantized(tuple(times), duration, digest.hexdigest(), ends, start, tuple(notes), look.text())


def _clock(
    times: tuple[Fraction, ...], duration: Fraction, video: SourceVideo
) -> tuple[tuple[Fraction, ...], Fraction, Fraction, tuple[int, ...] | None, Fraction]:
    """Exact times and duration, the rate, and how the index holds them: ticks only where the rate varies."""
    snapped, fps = snap_times(times, video.info.time_base, video.info.frame_rate)
    # Where frames were left out the rate is not constant, which a coarse clock would hide: AVI's ticks are frames.
    if fps is not None and not video.damaged.times:
        return snapped, len(times) / fps, fps, None, 1 / fps
    unit = Fraction(1, math.lcm(*(time.denominator for time in (*times, duration))))
    ticks = tuple(int(time / unit) for time in (*times, duration))
    return times, duration, len(times) / duration, ticks, unit


def _write_group(index_row: IndexRow, scratch: Path) -> IndexRow:
    """Put the members and the clip's description into one file, and say where they lie in it."""
    with _output_errors(scratch), (scratch / GROUP).open("wb") as group:
        members = {}
        for member, ending in MEMBERS.items():
            with (scratch / ending).open("rb") as file:
                if member in index_row.stored:
                    members[member] = write_member(group, f"{index_row.clip_id}.{ending}", file)
                else:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                    members[member] = Member(0, file.tell(), digest)
        index_row = replace(index_row, truth=members["truth"], plain=members["plain"], dithered=members["dithered"])
        write_member(group, f"{index_row.clip_id}.json", io.BytesIO(about_clip(index_row)))
    return index_row


class _SourceError(Exception):
    """Carries an error of the source through the code that watches for errors of the scratch folder."""


def _source_errors(frames: Iterator[Frame]) -> Iterator[Frame]:
    try:
        yield from frames
    except (Exception, SystemExit) as error:
        raise _SourceError from error


@contextmanager
def _output_errors(scratch: Path) -> Iterator[None]:
    """Tell a full disk or a read-only folder, which stop the build, from what is wrong with one source."""
    try:
        with storage_errors(scratch):
            yield
    except _SourceError as error:
        raise error.__cause__ or error from None
    except StorageError as error:
        raise OutputError(error) from error


@functools.lru_cache(maxsize=256)
def _sha256(path: Path, _size: int, _modified: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _source_sha256(source: Path) -> str:
    """The sha256 of a source, taken once a process while its size and time of change stay the same."""
    status = source.stat()
    return _sha256(source, status.st_size, status.st_mtime_ns)


def _fraction(seconds: float | None) -> Fraction | None:
    """Seconds as people wrote them: 0.1 is a tenth, not the nearest binary fraction."""
    return None if seconds is None else Fraction(repr(seconds))
