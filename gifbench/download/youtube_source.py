"""YouTube, through yt-dlp: one native download a video, video only, never through ffmpeg.

A video that holds many moments is fetched once and whole; the spans are cut from it here, to the frame. yt-dlp's own
cutting would round to keyframes or encode anew.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gifbench.download.source_interface import Fetched, FetchLimits
from gifbench.download.source_kinds import YOUTUBE_ID, YouTubeKind, YouTubeOptions
from gifbench.errors import MissingExtra, NoFormat, NotFound, TooLarge

_MOST_WARNINGS = 10

GROUP = "youtube"
"""The name under which all of YouTube is paced and paused."""


class YouTubeSource:
    """Videos named by their YouTube id.

    Needs the extra `youtube`: yt-dlp, and deno, with which it runs YouTube's scripts.

    `url` and `extractors` exist for a site that stands in for YouTube.
    """

    def __init__(
        self,
        options: YouTubeOptions = YouTubeOptions(),  # noqa: B008  # it is frozen
        limits: FetchLimits = FetchLimits(),  # noqa: B008
        *,
        url: str = "https://www.youtube.com/watch?v={id}",
        extractors: Sequence[type[Any]] | None = None,
    ) -> None:
        try:
            self._yt_dlp: Any = importlib.import_module("yt_dlp")
        except ImportError as error:
            raise MissingExtra("yt-dlp", extra="youtube", wanted_for="fetching from YouTube") from error
        if options.cookies is not None and not options.cookies.is_file():
            raise NotFound(f"{options.cookies}: there is no such file of cookies")
        self._url, self._max_size = url, limits.max_size
        if extractors is None:
            # Only YouTube's own: an answer that leads to another site is not followed there.
            extractors = [importlib.import_module("yt_dlp.extractor.youtube").YoutubeIE]
        self._extractors = list(extractors)
        self._options = {
            "format": _format(options.min_height, options.max_height),
            "cookiefile": None if options.cookies is None else str(options.cookies),
            "proxy": options.proxy,
            "sleep_interval": options.sleep or None,
            "ratelimit": options.rate,
            "socket_timeout": limits.timeout,
            "max_filesize": limits.max_size,
            "js_runtimes": {"deno": _deno()},
            "external_downloader": {"default": "native"},
            "hls_prefer_native": True,
            "fixup": "never",
            "noplaylist": True,
            "geo_bypass": False,  # yt-dlp would claim to be in another country, and ask again
            "retries": 2,
            "fragment_retries": 2,
            "extractor_retries": 1,
            "skip_unavailable_fragments": False,
            "quiet": True,
            "noprogress": True,
            "no_color": True,
        }

    def group(self, locator: str) -> str:
        """All of YouTube."""
        return GROUP if YOUTUBE_ID.fullmatch(locator) else f"{GROUP}: {locator[:20]}"

    def fetch(self, locator: str, scratch: Path) -> Fetched:
        """Fetch a video; raises the cause that `youtube_errors.cause_of` finds."""
        home = str(scratch).replace("%", "%%")
        log = _Log()
        info = self._ask(locator, log, download=True, outtmpl={"default": f"{home}/video.%(format_id)s.%(ext)s"})
        done = [Path(part["filepath"]) for part in info.get("requested_downloads", ()) if "filepath" in part]
        if len(done) != 1 or not done[0].is_file():
            if log.too_large:
                raise TooLarge(f"{locator}: over {self._max_size} bytes, which is all that is fetched (--max-size)")
            warned = f" (yt-dlp warned: {'; '.join(log.warnings)})" if log.warnings else ""
            raise NoFormat(f"{locator}: yt-dlp ended without a file{warned}")
        about = {name: str(info[name]) for name in ("format_id", "vcodec", "protocol") if info.get(name)}
        if log.warnings:
            about["warnings"] = "; ".join(log.warnings)
        return Fetched(done[0], {"url": self._url.format(id=locator), **about, "yt-dlp": version("yt-dlp")})

    def check(self, locator: str) -> None:
        """Raise what `fetch` would raise, without downloading a video."""
        self._ask(locator, _Log(), download=False)

    def _ask(self, locator: str, log: _Log, *, download: bool, **options: object) -> dict[str, Any]:
        from gifbench.download.youtube_errors import cause_of

        YouTubeKind().check_locator(locator)
        try:
            with self._yt_dlp.YoutubeDL({**self._options, "logger": log, **options}, auto_init=False) as client:
                for extractor in self._extractors:
                    client.add_info_extractor(extractor())
                info: dict[str, Any] = client.extract_info(self._url.format(id=locator), download=download)
                return info
        except Exception as error:
            raise cause_of(error, locator, warnings=log.warnings) from error


class _Log:
    """What yt-dlp says on its way; what stops it, it raises."""

    def __init__(self) -> None:
        self.too_large = False
        self.warnings: list[str] = []

    def debug(self, message: str) -> None:
        """Remember the one thing."""
        self.too_large |= "larger than max-filesize" in message

    def warning(self, message: str) -> None:
        """Keep it: it often says why an error came that says nothing."""
        text = " ".join(message.split()).removeprefix("WARNING: ")[:300]
        if text not in self.warnings and len(self.warnings) < _MOST_WARNINGS:
            self.warnings.append(text)

    def error(self, message: str) -> None:
        """Nothing."""


def _format(min_height: int, max_height: int | None) -> str:
    """The best picture of at least `min_height` lines in yt-dlp's language, without sound where it is offered so.

    With `max_height`, of at most so many lines, or the lowest of those that have more.
    """
    enough = f"[height>={min_height}]"
    kinds = ("video", "")
    if max_height is None:
        return "/".join(f"best{kind}{enough}" for kind in kinds)
    return "/".join(f"best{kind}{enough}[height<={max_height}]/worst{kind}{enough}" for kind in kinds)


def _deno() -> dict[str, str]:
    """Where the package `deno` has put its program; without the package, yt-dlp looks for one itself."""
    try:
        return {"path": str(importlib.import_module("deno").find_deno_bin())}
    except (ImportError, FileNotFoundError):
        return {}
