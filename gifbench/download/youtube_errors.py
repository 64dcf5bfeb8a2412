"""What yt-dlp raises, as the causes of `gifbench.errors`.

yt-dlp has few classes of errors and says most in English. So the class decides where it can, then the status of the
server, then the text; what nothing here knows becomes `ToolFailed` with its text, and never `Gone`. For good is only
what says so of the video itself: what is said of this app, device, browser or network, and formats that are missing
after yt-dlp warned that it could not get them, may be another way tomorrow. A test walks all of its classes, and one
all messages of its extractor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from yt_dlp import utils
from yt_dlp.networking import exceptions as network

from gifbench.errors import (
    BotCheck,
    Forbidden,
    GeoBlocked,
    GifbenchError,
    Gone,
    LoginRequired,
    NoFormat,
    NotYet,
    Private,
    RateLimited,
    ServerFailed,
    SourceError,
    StorageError,
    TimedOut,
    ToolFailed,
    Truncated,
    Unreachable,
    UsageError,
    storage_errors,
)

BY_CLASS: dict[str, type[GifbenchError] | None] = {
    # None: what it means stands in its text, or in the error that caused it.
    **dict.fromkeys(("YoutubeDLError", "ExtractorError", "DownloadError", "UnavailableVideoError"), None),
    **dict.fromkeys(("HTTPError", "RequestError"), None),
    **dict.fromkeys(("TransportError", "SSLError", "CertificateVerifyError", "ProxyError"), Unreachable),
    **dict.fromkeys(("IncompleteRead", "ContentTooShortError"), Truncated),
    "ThrottledDownload": TimedOut,
    "GeoRestrictedError": GeoBlocked,
    "UserNotLive": NotYet,
    # The settings that a person passed on.
    "CookieLoadError": UsageError,
    # What only another yt-dlp, or another gifbench, can mend.
    **dict.fromkeys(("UnsupportedError", "RegexNotFoundError", "_RequiredError", "UnsupportedRequest"), ToolFailed),
    **dict.fromkeys(("NoSupportingHandlers", "EntryNotInPlaylist", "SameFileError", "ReExtractInfo"), ToolFailed),
    **dict.fromkeys(("PostProcessingError", "AudioConversionError", "FFmpegPostProcessorError"), ToolFailed),
    **dict.fromkeys(("EmbedThumbnailPPError", "XAttrMetadataError", "XAttrUnavailableError"), ToolFailed),
    **dict.fromkeys(("DownloadCancelled", "ExistingVideoReached", "RejectedVideoReached"), ToolFailed),
    **dict.fromkeys(("MaxDownloadsReached", "UnsafeExecExpansionError"), ToolFailed),
}
"""What each class of yt-dlp's errors means."""

_BY_TEXT: tuple[tuple[type[SourceError], str], ...] = (
    # What says nothing about the video comes first: such a message can begin with "Video unavailable".
    (BotCheck, r"(not|as) a bot|captcha|unusual traffic"),
    (
        Forbidden,
        r"\bvpn\b|proxy|anonymi[sz]er|administrator|workspace|restricted mode|supervised|internet connection"
        r"|your (network|ip\b|school|organi[sz]ation|parent|plan\b)",
    ),
    (
        ToolFailed,
        r"(on|by|in|with|for|from) (this|your|the|certain|the current) (\w+ )?"
        r"(app|application|device|client|browser|player|platform)\b"
        r"|(sites|websites) or applications|on other websites|latest version of youtube|update (the|your|youtube)"
        r"|watch (this video |it )?on youtube|youtube kids"
        r"|(no longer|not) supported|page needs to be reloaded|needs to be updated|unsupported (browser|client|device)",
    ),
    (RateLimited, r"rate.?limit|too many requests|try again later|http error 429"),
    (
        ServerFailed,
        r"temporar|an error occurred|something went wrong|precondition check|internal error|try (it )?again",
    ),
    (Private, r"private video|video is private"),
    (
        GeoBlocked,
        r"\b(in|from|outside|within) (of )?(your|this|the|certain|some) (\w+ )?"
        r"(country|countries|region|location|area|territor|market)|geo.?restrict",
    ),
    (
        LoginRequired,
        r"age.?restricted|your age\b|inappropriate for some|members\b|members-|music premium|join this channel"
        r"|requires payment|\bpurchase|\brent(al)?\b",
    ),
    (
        NotYet,
        r"premiere|live event|is offline|^offline|not (yet )?(started|begun)|\bis live\b|being processed"
        r"|processing this video|check back later",
    ),
    (
        ToolFailed,
        r"only images are available|no video formats|storyboard|javascript runtime|challenge solv|nsig|po.?token",
    ),
    (NoFormat, r"requested format|drm.protected"),
    (
        Gone,
        r"\b(video|content|channel|account|uploader|clip|recording)\b[^.:;]{0,160}"
        r"(removed|terminated|deleted|closed|no longer available|available any ?more|violat|copyright|does not exist)",
    ),
    (LoginRequired, r"sign in|log ?in\b|login|registered users|account credentials"),
    # Nothing else is said: with a reason of its own that nothing here knows, it may be there tomorrow.
    (
        Gone,
        r"^(video unavailable\W*)?((this|the) (video|content) (is|is ?n.t|is not) (currently )?"
        r"(unavailable|not available|available)\W*)?$",
    ),
    (TimedOut, r"timed? ?out"),
    (Forbidden, r"http error 403|forbidden"),
    (ServerFailed, r"http error \d+"),
    (Unreachable, r"failed to resolve|name resolution|connection (refused|reset|aborted)|unreachable"),
)

_AROUND = re.compile(r"^\s*(\[[^\]]*\]\s*)?([\w-]{11}:\s*)?|(; please report this issue| \(caused by).*$", re.DOTALL)
"""What yt-dlp writes before and behind a message."""


_MISSED = re.compile(
    r"javascript|js runtime|challenge|signature|nsig|po.?token|formats? (may|might|will|have been|were|are) "
    r"|formats? (is|are)? ?(missing|skipped)|skipped|sabr|player|client|could not|failed|unable|storyboard|images",
    re.IGNORECASE,
)
"""What yt-dlp warns of where it could not get formats that are there."""


def cause_of(error: BaseException, video_id: str, *, warnings: Sequence[str] = ()) -> GifbenchError:
    """The error of gifbench for what yt-dlp raised while it fetched `video_id`, and warned of before."""
    text = f"{video_id}: {utils.remove_terminal_sequences(str(error)).removeprefix('ERROR: ')}"
    chain = list(_chain(error))
    found = _of_this_machine(chain, video_id) or _of_class(chain, text) or _of_text(text)
    if isinstance(found, NoFormat) and any(map(_MISSED.search, warnings)):
        found = ToolFailed(str(found))
    if not warnings or not isinstance(found, SourceError):
        return found
    return type(found)(f"{found} (yt-dlp warned: {'; '.join(warnings)})")


def _of_this_machine(chain: list[BaseException], video_id: str) -> GifbenchError | None:
    """A full disk and its like, and errors that are gifbench's already."""
    for link in chain:
        if isinstance(link, GifbenchError):
            return link
        if isinstance(link, OSError) and link.errno and not isinstance(link, ConnectionError | TimeoutError):
            try:
                with storage_errors(video_id):
                    raise link
            except StorageError as mapped:
                if type(mapped) is not StorageError:
                    return mapped
    return None


def _of_class(chain: list[BaseException], text: str) -> GifbenchError | None:
    for link in chain:
        if isinstance(link, network.HTTPError):
            link.response.close()
            # A status says little here: what is gone, YouTube says in words, and not with a 404.
            return {429: RateLimited, 403: Forbidden}.get(link.status, ServerFailed)(text)
        if isinstance(link, TimeoutError):
            return TimedOut(text)
    for link in chain:
        known = BY_CLASS.get(type(link).__name__)
        # What is ours by its class may still say something better in its text.
        if known is not None and known is not ToolFailed:
            late = known is Unreachable and re.search(r"timed? ?out", text, re.IGNORECASE)
            return TimedOut(text) if late else known(text)
    return None


def _of_text(text: str) -> GifbenchError:
    message = _AROUND.sub("", text.split(":", 1)[1])
    for kind, pattern in _BY_TEXT:
        if re.search(pattern, message, re.IGNORECASE):
            return kind(text)
    return ToolFailed(f"{text} (is yt-dlp the newest one?)")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that caused it, the outermost first, by all the ways in which yt-dlp remembers a cause."""
    waiting, seen = [error], set()
    while waiting:
        link = waiting.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        kept = (getattr(link, "exc_info", None) or (None, None))[1]
        found = (kept, getattr(link, "cause", None), link.__cause__, *link.args[:1])
        waiting += [cause for cause in found if isinstance(cause, BaseException)]
