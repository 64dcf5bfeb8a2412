"""The kinds of sources that come with gifbench: http(s) and YouTube."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qs, urlsplit

import typer

from gifbench.download.source_interface import FetchLimits, Source, SourceKind
from gifbench.errors import Refused, UsageError

if TYPE_CHECKING:
    from gifbench.manifest.rows import ManifestRow

YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_UNSEEN = re.compile(r"[^\t\x20-\x7e]")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpOptions:
    """What servers are told; HTTP_PROXY, HTTPS_PROXY and NO_PROXY, and a login in .netrc, need no option."""

    header: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME:VALUE", help="A header for every http(s) server of the manifest; may be repeated."),
    ] = None
    user_agent: Annotated[str, typer.Option(help="The User-Agent header for http(s) servers.")] = "gifbench"


class HttpKind(SourceKind):
    """`http`: the locator is a URL."""

    options = HttpOptions

    def check_locator(self, locator: str, *, trusted: bool = False) -> None:
        """Raise `Refused` for what is no URL of http(s), or leads into a private network."""
        from gifbench.download.private_network_check import check_url

        check_url(locator, trusted=trusted)

    def open(self, rows: Sequence[ManifestRow], options: HttpOptions, limits: FetchLimits) -> Source:
        """Whatever server a URL names; raises `UsageError` for a header that is none."""
        from gifbench.download.resumable_http_source import HttpSource

        headers = {}
        for text in options.header or ():
            name, colon, value = text.partition(":")
            if not (colon and re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name)) or _UNSEEN.search(value):
                raise UsageError(f"--header must be NAME:VALUE, got {name[:50]!r}. Write it as in 'Referer: https://x'")
            headers[name] = value.strip()
        if _UNSEEN.search(options.user_agent):
            raise UsageError(f"--user-agent must be one line of text, got {options.user_agent[:50]!r}")
        return HttpSource(**asdict(limits), headers=headers, user_agent=options.user_agent)


@dataclass(frozen=True, slots=True, kw_only=True)
class YouTubeOptions:
    """How YouTube is asked."""

    cookies: Annotated[Path | None, typer.Option(help="cookies.txt of a browser that is signed in to YouTube.")] = None
    proxy: Annotated[str | None, typer.Option(help="A proxy for YouTube, as a URL.")] = None
    sleep: Annotated[float, typer.Option(min=0, help="Seconds before each download from YouTube.")] = 0.0
    rate: Annotated[float | None, typer.Option(min=1, help="The most bytes a second from YouTube.")] = None
    min_height: Annotated[
        int, typer.Option(min=1, help="The lowest picture, in pixels, that is taken from YouTube.")
    ] = 360  # what the smallest recipes of videos want
    max_height: Annotated[
        int | None,
        typer.Option(
            min=1, help="Preferred video height on YouTube, in pixels; the next higher one if there is no lower."
        ),
    ] = None
    per_hour: Annotated[
        int, typer.Option(min=0, help="The most videos an hour from YouTube; 0: as fast as it goes.")
    ] = 300  # about what YouTube gives to a guest session, by yt-dlp's account


class YouTubeKind(SourceKind):
    """`youtube`: the locator is the id of a video."""

    options = YouTubeOptions

    def check_locator(self, locator: str, *, trusted: bool = False) -> None:
        """Raise `Refused` for what is no id."""
        if not YOUTUBE_ID.fullmatch(locator):
            raise Refused(f"{locator[:200]!r} is no YouTube id: those are 11 of A-Z a-z 0-9 _ -")

    def from_url(self, url: str) -> str | None:
        """The id in `youtube.com/watch?v=…`, `youtu.be/…`, `/shorts/…`, `/embed/…` and `/live/…`."""
        parts = urlsplit(url)
        host = (parts.hostname or "").removeprefix("www.").removeprefix("m.").removeprefix("music.")
        found = ""
        if host == "youtu.be":
            found = parts.path.lstrip("/").split("/")[0]
        elif host in ("youtube.com", "youtube-nocookie.com"):
            folder, _, name = parts.path.lstrip("/").partition("/")
            found = name.split("/")[0] if folder in ("shorts", "embed", "live", "v") else ""
            found = found or parse_qs(parts.query).get("v", [""])[0]
        return found if YOUTUBE_ID.fullmatch(found) else None

    def open(self, rows: Sequence[ManifestRow], options: YouTubeOptions, limits: FetchLimits) -> Source:
        """YouTube through yt-dlp."""
        from gifbench.download.youtube_source import YouTubeSource

        return YouTubeSource(options, limits)

    def per_hour(self, options: YouTubeOptions) -> Mapping[str, int]:
        """All of YouTube is one group."""
        return {"youtube": options.per_hour}
