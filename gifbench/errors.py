"""Every error that gifbench raises on purpose.

    GifbenchError   the root: catch this one
    ├── UsageError, MissingExtra, PixelsError, MakerError, MetricError, ClusterError, TrainingError, ResultsError
    ├── StorageError: NotFound, AlreadyExists, NotWritable, DiskFull
    ├── MediaError: CorruptMedia (with DamagedMedia), NoVideo, SpanOutside, TooLarge
    ├── DatasetError: DatasetDamaged, NoSuchClip
    ├── BuildError: ManifestError, RecipeError (with NoSuchRecipe), Rejected, NoNetwork
    │   └── SourceError: Gone, Private, GeoBlocked, LoginRequired, NoFormat, NotYet, Unmatched, Refused, RateLimited,
    │       BotCheck, Forbidden, ServerFailed, Unreachable, TimedOut, Truncated, ToolFailed
    └── MethodError: NoSuchMethod, MethodFailed, WeightsError

A message names the thing, the value seen and what to do next. `code`, which stands beside each class below, is what
`--json` prints and what the ledger of a build records; it is part of the contract, the message is not.
"""

from __future__ import annotations

import copyreg
import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from gifbench.text_redaction import redact


class GifbenchError(Exception):
    """The root of the tree above."""

    code: ClassVar[str] = "error"

    def __init_subclass__(cls, code: str = "") -> None:
        cls.code = code or cls.code

    def __str__(self) -> str:
        # One line without secrets, whatever it quotes: names in files and others' messages may hold more.
        return redact(" ".join(super().__str__().splitlines()), homes=False)

    def __reduce__(self) -> tuple[object, ...]:
        # A worker's error reaches its driver pickled: by its message and fields, whatever its class is called with.
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class UsageError(GifbenchError, code="usage"):
    """An option or parameter has a value that cannot be (exit code 2)."""


class MissingExtra(GifbenchError, code="missing_extra"):
    """A package that this needs is not installed; it says which extra brings it."""

    def __init__(self, package: str, *, extra: str, wanted_for: str) -> None:
        super().__init__(f'{wanted_for} needs the package "{package}": pip install "gifbench[{extra}]"')


class StorageError(GifbenchError, code="storage"):
    """The place that is read or written fails."""


class NotFound(StorageError, code="not_found"):
    """A file or folder is not there."""


class AlreadyExists(StorageError, code="exists"):
    """Something is there already, and overwriting was not asked for."""


class NotWritable(StorageError, code="not_writable"):
    """The output cannot be written: permissions, or a read-only file system."""


class DiskFull(StorageError, code="disk_full"):
    """No space is left, or the quota is used up."""


class MediaError(GifbenchError, code="media"):
    """A video or a GIF cannot be used."""


class CorruptMedia(MediaError, code="corrupt"):
    """A file cannot be decoded, or not to the end of what was asked for."""


class DamagedMedia(CorruptMedia):
    """Bytes of a file lack or are wrong, so that another copy of it may be whole."""


class NoVideo(MediaError, code="no_video"):
    """A file holds no picture stream."""


class SpanOutside(MediaError, code="span_outside"):
    """A span reaches beyond the video."""


class TooLarge(MediaError, code="too_large"):
    """Something is over a stated limit; it was refused before memory was taken."""


class PixelsError(GifbenchError, code="pixels"):
    """An array has the wrong shape, dtype or range."""


class DatasetError(GifbenchError, code="dataset"):
    """A built dataset cannot be used."""


class DatasetDamaged(DatasetError, code="damaged"):
    """Bytes of a dataset differ from their checksum, or are missing."""


class NoSuchClip(DatasetError, code="no_such_clip"):
    """A dataset holds no clip of that name."""


class BuildError(GifbenchError, code="build"):
    """A build cannot start or go on."""


class ManifestError(BuildError, code="manifest"):
    """A manifest row is wrong; the message names its number and column."""


class RecipeError(BuildError, code="recipe"):
    """A recipe or one of its parameters is unknown or wrong."""


class NoSuchRecipe(RecipeError, UsageError):
    """No recipe has that name."""


class Rejected(BuildError, code="rejected"):
    """A clip that a rule of the recipe refuses.

    `rule` is the reason that the outcomes table records (`too_small`, `too_short`, … or one of `Recipe.rules`), `value`
    what was seen and `limit` what the rule asks for, both as text for people.
    """

    def __init__(self, rule: str, *, value: str, limit: str) -> None:
        super().__init__(f"{rule}: {value}, wanted {limit}")
        self.rule, self.value, self.limit = rule, value, limit


class SourceError(BuildError, code="source"):
    """A source cannot be fetched; `code` is the reason that the ledger records, the message the original text.

    `retry_after` is how many seconds the server asks to wait, where it says so.
    """

    retry_after: float | None = None


class Gone(SourceError, code="unavailable"):
    """It was deleted, or never was."""


class Private(SourceError, code="private"):
    """Only people whom its owner invited may see it."""


class GeoBlocked(SourceError, code="geo_blocked"):
    """It is not shown in this country."""


class LoginRequired(SourceError, code="login_required"):
    """It is shown to members, or to people of age, who have signed in."""


class NoFormat(SourceError, code="no_matching_format"):
    """It is there, but in no format that fits."""


class NotYet(SourceError, code="not_yet_available"):
    """It is live at this moment, or has not begun."""


class Unmatched(SourceError, code="unmatched"):
    """Which file of a folder is meant is not certain."""


class Refused(SourceError, code="refused"):
    """A locator that gifbench does not follow: an address of a private network, a path outside its folder."""


class RateLimited(SourceError, code="rate_limited"):
    """The service asks to slow down, which pauses all of it. It says nothing about the source."""


class BotCheck(SourceError, code="bot_check"):
    """The service wants proof of a person, which pauses all of it. It says nothing about the source."""


class Forbidden(SourceError, code="forbidden"):
    """The server refuses access, perhaps for now only."""


class ServerFailed(SourceError, code="server_error"):
    """The server answers with a fault of its own, or with something that is no video."""


class Unreachable(SourceError, code="network"):
    """No connection to the server, or it broke."""


class TimedOut(SourceError, code="timeout"):
    """The server stopped answering."""


class Truncated(SourceError, code="truncated"):
    """The server sent fewer or more bytes than it announced."""


class ToolFailed(SourceError, code="tool"):
    """yt-dlp does not understand what the site answers; a newer one probably does."""


class NoNetwork(BuildError, code="no_network"):
    """Nothing can be reached from here; the run stops, and what was not tried stays untried."""


class MakerError(GifbenchError, code="maker"):
    """A maker of GIFs is not installed, failed, or made something that is not the GIF of its clip."""


class MethodError(GifbenchError, code="method"):
    """A restoration method cannot be used."""


class ClusterError(GifbenchError, code="cluster"):
    """A Dask cluster cannot do the work: it is out of reach, has no workers, or workers of other versions."""


class NoSuchMethod(MethodError, code="no_such_method"):
    """No method has that name."""


class MethodFailed(MethodError, code="method_failed"):
    """A method raised, or returned something that is not the frames asked for."""


class WeightsError(MethodError, code="weights"):
    """A file of weights is damaged, of another architecture, or not there."""


class MetricError(GifbenchError, code="metric"):
    """A metric cannot be loaded, raised, or gave something that is no number."""


class TrainingError(GifbenchError, code="training"):
    """A training cannot start or go on."""


class ResultsError(GifbenchError, code="results"):
    """A results file cannot be read."""


_STORAGE_ERRNO: dict[int, tuple[type[StorageError], str]] = {
    errno.ENOSPC: (DiskFull, "no space is left there; free some and run the same command again, it goes on"),
    errno.EDQUOT: (DiskFull, "the quota is used up; free some space and run the same command again, it goes on"),
    errno.EROFS: (NotWritable, "the file system is read-only; choose another place"),
    errno.EACCES: (NotWritable, "permission denied; choose another place or change its permissions"),
    errno.EPERM: (NotWritable, "permission denied; choose another place or change its permissions"),
    errno.ENOENT: (NotFound, "it is not there"),
    errno.ENOTDIR: (NotFound, "a part of the path is a file"),
    errno.ENAMETOOLONG: (NotFound, "the name is too long for the file system"),
}


@contextmanager
def storage_errors(place: object) -> Iterator[None]:
    """Turn an `OSError` raised while `place` is read or written into the `StorageError` that names it."""
    try:
        yield
    except OSError as error:
        number = error.errno
        if number is None and isinstance(error, FileNotFoundError):  # of a file system that is not the system's own
            number = errno.ENOENT
        kind, advice = _STORAGE_ERRNO.get(number or 0, (StorageError, str(error)))
        raise kind(f"{place}: {advice}") from error
