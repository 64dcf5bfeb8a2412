"""Videos behind http(s): resumed where they broke off, whole or not at all, never more than they may be."""

from __future__ import annotations

import email.utils
import json
import re
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from gifbench.download.http_request import USER_AGENT, Answer, get
from gifbench.download.private_network_check import ascii_url, check_url
from gifbench.download.source_interface import MAX_SIZE, Fetched
from gifbench.errors import (
    Forbidden,
    Gone,
    LoginRequired,
    RateLimited,
    Refused,
    ServerFailed,
    SourceError,
    TooLarge,
    Truncated,
    storage_errors,
)
from gifbench.manifest.folder_listing import VIDEO_SUFFIXES, starts_as_video
from gifbench.text_redaction import is_stripped

_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/\d{1,18}")
_BY_STATUS: dict[int, type[SourceError]] = {
    **dict.fromkeys((404, 410, 451), Gone),
    **{401: LoginRequired, 403: Forbidden, 429: RateLimited},
}
_LOOKED_AT = 2048
_TEXT = "a text"
_PACKED = {"gzip": 31, "x-gzip": 31, "deflate": 47}
"""Encodings that servers use unasked, and how zlib calls them; 47: as the first bytes say."""
_UNPACKED_AT_ONCE = 1 << 20
_MOST_NOTE = 1 << 16  # bytes; an honest one is as long as a header
_LONGEST_ASKED = 1e9
"""Seconds, as a number that can be reckoned with; how long a run really waits, its policy says."""


class HttpSource:
    """Videos named by http(s) URLs.

    `timeout` is how many seconds a server may be silent, `max_size` the bytes a video may have, `tries` how often a
    broken transfer is gone on with at once while it still gets further. `headers` go to every server that a locator
    names, and not to those that it redirects to. Addresses of private networks are refused, also behind redirects and
    names, unless `trusted`. An answer that is plainly a page, XML or JSON is refused, unless `expect` is "anything".
    """

    def __init__(
        self,
        *,
        trusted: bool = False,
        timeout: float = 30.0,
        max_size: int = MAX_SIZE,
        tries: int = 5,
        headers: Mapping[str, str] | None = None,
        user_agent: str = USER_AGENT,
        expect: Literal["video", "anything"] = "video",
    ) -> None:
        self._expect: str = expect
        self._trusted, self._timeout, self._max_size, self._tries = trusted, timeout, max_size, tries
        self._headers, self._user_agent = dict(headers or {}), user_agent

    def group(self, locator: str) -> str:
        """The server; raises `Refused` for what is no URL, or leads into a private network."""
        check_url(locator, trusted=self._trusted)
        return urlsplit(ascii_url(locator)).netloc.lower()

    def fetch(self, locator: str, scratch: Path) -> Fetched:
        """Fetch a URL; raises a `SourceError` by cause, or `TooLarge`."""
        if is_stripped(locator):
            raise Refused(
                f"{locator}: its secret was taken out when it was shared; use the manifest that it was fetched with"
            )
        path = scratch / f"body{_suffix(locator)}"
        left = self._tries
        while True:
            left -= 1
            before = _size(path)
            try:
                return Fetched(path, {"url": self._transfer(locator, path)})
            except SourceError as error:
                broke = error.code in ("network", "timeout", "truncated")
                if not (broke and left > 0 and _size(path) != before):
                    raise

    def check(self, locator: str) -> None:
        """Raise what `fetch` would raise, and read no video."""
        with self._get(locator, {}) as answer:
            if answer.status != 200:
                raise _status_error(answer, locator)

    def _get(self, url: str, headers: Mapping[str, str]) -> AbstractContextManager[Answer]:
        told = {"User-Agent": self._user_agent, **headers}
        return get(url, told, secret_headers=self._headers, timeout=self._timeout, trusted=self._trusted)

    def _transfer(self, url: str, path: Path) -> str:
        note = path.with_suffix(".json")
        have, validator = _size(path), _read_note(note)
        headers = {"Range": f"bytes={have}-", "If-Range": validator} if have and validator else {}
        with self._get(url, headers) as answer:
            start = self._start(answer, url, have if headers else 0, path, validator)
            if start is None:
                return answer.url
            unpacked = _unpacker(answer, url)
            total = None if answer.length is None or unpacked is not None else start + answer.length
            if total is not None and total > self._max_size:
                raise TooLarge(f"{url}: {total} bytes, at most {self._max_size} are fetched (--max-size)")
            with storage_errors(path):  # what breaks in the connection is no `OSError` any more when it comes here
                note.write_text(json.dumps({"validator": "" if unpacked is not None else _validator(answer)}))
                with path.open("r+b" if start else "wb") as file:
                    file.seek(start)
                    for data in answer.read() if unpacked is None else unpacked:
                        start += len(data)
                        if start > self._max_size:
                            raise TooLarge(f"{url}: more than {self._max_size} bytes; no more are fetched (--max-size)")
                        file.write(data)
        if answer.status == 206 and start != (whole := int(answer.headers["Content-Range"].rpartition("/")[2])):
            raise Truncated(f"{url}: the server gave {start} of {whole} bytes")
        if self._expect == "video":
            self._check_body(url, path)
        return answer.url

    def _start(self, answer: Answer, url: str, have: int, path: Path, validator: str) -> int | None:
        """From which byte the answer goes on, None if all is here; raises what its status means.

        `validator` names the version that the bytes which are here are of.
        """
        status = answer.status
        if status == 206:
            found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
            same = not have or _validator(answer) in ("", validator)
            if found and int(found[1]) == have and same:
                return have
        if status == 416 and have and answer.headers.get("Content-Range", "").strip() == f"bytes */{have}":
            return None  # broke off behind the last byte
        if status in (206, 416):
            # What is here does not fit what is there: the next try starts over.
            with storage_errors(path):
                path.unlink(missing_ok=True)
            raise Truncated(f"{url}: the server gave another range than was asked for (status {status})")
        if status == 200:
            if answer.headers.get("Content-Type", "").lower().startswith("text/html"):
                raise ServerFailed(f"{url}: the server answered with a web page instead of a video")
            return 0
        raise _status_error(answer, url)

    def _check_body(self, url: str, path: Path) -> None:
        """Raise `ServerFailed` for what is plainly no video: it says that the server is in trouble, not the video.

        A deleted page, a log-in page, the portal of a hotel, an error as JSON or XML: none says that it is gone.
        """
        with storage_errors(path), path.open("rb") as file:
            what = _no_video(file.read(_LOOKED_AT))
        if what == _TEXT and starts_as_video(path):
            return
        if what:
            with storage_errors(path):
                path.unlink(missing_ok=True)
            raise ServerFailed(f"{url}: the server answered with {what} instead of a video")


def _no_video(start: bytes) -> str:
    """What the first bytes of a file are, if they are plainly no video's; "" otherwise."""
    if not start:
        return "nothing"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] == b"<" or start.startswith((b"\xff\xfe<", b"\xfe\xff\0<")):
        return "a web page or XML"
    if not _is_text(start):
        return ""
    return "JSON" if text[:1] in (b"{", b"[") else _TEXT if len(text.split(maxsplit=1)) > 1 else ""


def _is_text(start: bytes) -> bool:
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _is_printable(start[: len(start) // 2 * 2].decode("utf-16", errors="replace"))
    try:
        decoded = start.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(start) - 3:  # the last letter may be cut in two
            return False
        decoded = start[: error.start].decode("utf-8")
    return _is_printable(decoded.removeprefix("\ufeff"))


def _is_printable(decoded: str) -> bool:
    return all(letter.isprintable() or letter in "\t\r\n\f" for letter in decoded)


def _unpacker(answer: Answer, url: str) -> Iterator[bytes] | None:
    """The body as it was before the server packed it for the way; None where it did not."""
    packed = answer.headers.get("Content-Encoding", "").strip().lower()
    if packed in ("", "identity", "none"):
        return None
    if packed not in _PACKED or answer.status != 200:
        raise ServerFailed(f"{url}: the server packed its answer ({packed[:40]}), which nobody asked for")
    return _unpacked(answer.read(), zlib.decompressobj(_PACKED[packed]), url)


def _unpacked(pieces: Iterator[bytes], unpack: Any, url: str) -> Iterator[bytes]:  # noqa: ANN401  # zlib names none
    try:
        for piece in pieces:
            rest = piece
            while rest:
                yield unpack.decompress(rest, _UNPACKED_AT_ONCE)
                rest = unpack.unconsumed_tail
        yield unpack.flush()
    except zlib.error as error:
        raise ServerFailed(f"{url}: the server says that its answer is packed, and it is not ({error})") from error
    if not unpack.eof:
        raise Truncated(f"{url}: what the server packed breaks off")


def _status_error(answer: Answer, url: str) -> SourceError:
    status, after = answer.status, _retry_after(answer)
    kind = RateLimited if status == 503 and after is not None else _BY_STATUS.get(status, ServerFailed)
    error = kind(f"{url}: status {status} {answer.reason}".rstrip())
    error.retry_after = after
    return error


def _validator(answer: Answer) -> str:
    """What names this version of the file, if the server says so strongly enough to go on with it later."""
    tag = answer.headers.get("ETag", "")
    return str(tag if tag.startswith('"') else answer.headers.get("Last-Modified", ""))


def _retry_after(answer: Answer) -> float | None:
    text = answer.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]+", text):
        return min(float(text[:300]), _LONGEST_ASKED)
    try:
        asked = email.utils.parsedate_to_datetime(text).timestamp() - time.time()
        return min(max(0.0, asked), _LONGEST_ASKED)
    except (ValueError, TypeError, OverflowError):
        return None


def _suffix(url: str) -> str:
    suffix = Path(urlsplit(url).path).suffix.lower()
    return suffix if suffix in VIDEO_SUFFIXES else ".video"


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _read_note(path: Path) -> str:
    """The validator of what is here; "" where none was noted."""
    try:
        note = json.loads(path.read_text()) if path.stat().st_size <= _MOST_NOTE else None
    except (OSError, ValueError, RecursionError):
        return ""
    validator = note.get("validator") if isinstance(note, dict) else None
    return validator if isinstance(validator, str) else ""
