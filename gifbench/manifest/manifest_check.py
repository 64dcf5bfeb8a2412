"""Everything that can be said against a manifest before a clip of it is built, each by row and column."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from fractions import Fraction
from pathlib import Path

from gifbench.errors import GifbenchError
from gifbench.manifest.locator_check import FILE, local_source, locator_findings
from gifbench.manifest.rows import Finding, ManifestRow, read_rows
from gifbench.media.video import VideoInfo, probe
from gifbench.progress import Progress, ProgressCallback, silent
from gifbench.storage import file_sha256

Borrowed = Callable[[str, str], AbstractContextManager[Path | None]]
"""`Store.borrowed`: a file with the video of a source and locator while the block lasts; None if it is not here."""


def check_manifest(
    path: Path,
    *,
    trusted: bool = False,
    borrowed: Borrowed | None = None,
    row_checks: Sequence[Callable[[ManifestRow], str]] = (),
    progress: ProgressCallback = silent,
) -> tuple[int, list[Finding]]:
    """How many rows the manifest at `path` has, and all that is wrong with them, in the order of the rows.

    Beside what `read_manifest` and `check_locators` refuse: videos that are not there or cannot be opened, and spans
    that reach beyond them, of local files and of what `borrowed` gives; a source that is in two splits; and what one of
    `row_checks`, such as `Recipe.missing_span`, says is missing of a row's span.

    Nothing is fetched, and nothing that a locator must not name is opened. Raises `NotFound`,
    or `ManifestError` for a file without rows.
    """
    rows, findings = read_rows(path)
    number_of_rows = len(rows) + len({finding.row for finding in findings})
    refused = list(locator_findings(rows, trusted=trusted))
    bad = {finding.row for finding in refused}
    findings += refused
    findings += _across_splits(rows)
    for number, row in rows.items():
        lacking = dict.fromkeys(check(row) for check in row_checks)
        findings += [Finding(number, "start", what, clip_id=row.clip_id) for what in lacking if what]
    videos = _Videos(path.parent, borrowed, trusted=trusted)
    for done, (number, row) in enumerate(rows.items(), start=1):
        if number not in bad:
            findings += videos.findings(number, row)
        progress(Progress(done, len(rows), row.clip_id))
    findings += videos.equal_across_splits(rows)
    return number_of_rows, sorted(findings, key=lambda finding: finding.row)


def _across_splits(rows: Mapping[int, ManifestRow]) -> Iterator[Finding]:
    """A source whose clips are in two splits: what is learnt of one is known of the other."""
    first: dict[tuple[str, str], tuple[int, str]] = {}
    for number, row in rows.items():
        before, split = first.setdefault((row.source, row.locator), (number, row.split))
        if split != row.split:
            what = f"clips of the same source are in two splits: row {before} is in {split}"
            yield Finding(number, "split", what, repr(row.split), row.clip_id)


class _Videos:
    """The videos that are at hand, each opened once."""

    def __init__(self, folder: Path, borrowed: Borrowed | None, *, trusted: bool) -> None:
        self._folder, self._borrowed, self._trusted = folder, borrowed, trusted
        self._seen: dict[tuple[str, str], VideoInfo | str | None] = {}

    def findings(self, number: int, row: ManifestRow) -> Iterator[Finding]:
        """What the video says against a row."""
        key = (row.source, row.locator)
        if key not in self._seen:
            self._seen[key] = self._info(row)
        info = self._seen[key]
        if isinstance(info, str):
            yield Finding(number, "locator", info, clip_id=row.clip_id)
        elif info is not None:
            yield from _span_findings(number, row, info)

    def equal_across_splits(self, rows: Mapping[int, ManifestRow]) -> Iterator[Finding]:
        """Files of other names with the same bytes, of which clips are in two splits, read if one size."""
        first: dict[tuple[str, str], tuple[int, ManifestRow]] = {}
        for number, row in rows.items():
            if isinstance(self._seen.get((row.source, row.locator)), VideoInfo):
                first.setdefault((row.source, row.locator), (number, row))
        for one_size in self._alike(first.values(), lambda path: path.stat().st_size):
            for (before, kept), *others in self._alike(one_size, file_sha256):
                for number, row in others:
                    if row.split != kept.split:
                        what = f"it has the same bytes as {kept.locator}, row {before}, which is in {kept.split}"
                        yield Finding(number, "locator", what, repr(row.locator[:100]), row.clip_id)

    def _alike(
        self, rows: Iterable[tuple[int, ManifestRow]], by: Callable[[Path], object]
    ) -> list[list[tuple[int, ManifestRow]]]:
        """The rows in groups whose videos are alike `by` something."""
        groups: dict[object, list[tuple[int, ManifestRow]]] = defaultdict(list)
        for number, row in rows:
            with self._video(row) as path:
                if path is not None:
                    groups[by(path)].append((number, row))
        return [group for group in groups.values() if len(group) > 1]

    @contextmanager
    def _video(self, row: ManifestRow) -> Iterator[Path | None]:
        """The video of a row on this machine, or None where it is not here."""
        if row.source == FILE:
            yield local_source(self._folder, row.locator, trusted=self._trusted)
        elif self._borrowed is None:
            yield None
        else:
            with self._borrowed(row.source, row.locator) as path:
                yield path

    def _info(self, row: ManifestRow) -> VideoInfo | str | None:
        """What a video holds, what is wrong with it, or None for one that is not here yet."""
        try:
            with self._video(row) as path:
                return None if path is None else probe(path)
        except GifbenchError as error:
            return str(error)


def _span_findings(number: int, row: ManifestRow, info: VideoInfo) -> Iterator[Finding]:
    """A span that reaches beyond what the container declares; which frames there are, only decoding tells."""
    if info.duration is not None:
        # As decoding does: half a frame beyond the end is still the end.
        most = info.duration + Fraction(1, 2) / info.frame_rate
        for column, value in (("start", row.start), ("end", row.end)):
            if value is not None and value > most:
                what = f"the span reaches beyond the video, which is {float(info.duration):.6g} s long"
                yield Finding(number, column, what, f"{value:.6g}", row.clip_id)
    if info.num_frames is not None:
        for column, count in (("start_frame", row.start_frame), ("end_frame", row.end_frame)):
            if count is not None and count > info.num_frames:
                what = f"the span reaches beyond the video, which has {info.num_frames} frames"
                yield Finding(number, column, what, str(count), row.clip_id)
