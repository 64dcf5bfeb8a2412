"""Why a clip is not built: the list of reasons, what each means, and whether trying again can help."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Kind = Literal["permanent", "transient", "fixable"]
"""Whether trying again can help: never, later, or after gifbench, its tools or the folders here have changed."""

_LIST: tuple[tuple[str, Kind, str], ...] = (
    # A rule of the recipe refuses the clip: the same source gives the same answer.
    ("too_small", "permanent", "the picture is smaller than the recipe wants"),
    ("too_slow", "permanent", "fewer frames a second than the recipe wants"),
    ("too_short", "permanent", "fewer frames than the recipe wants"),
    ("removed", "permanent", "it was taken out of the dataset: gifbench remove"),
    ("rejected", "permanent", "a rule of the recipe that has no name"),
    # The source cannot be used.
    ("corrupt", "permanent", "the source cannot be decoded, or not to the end of the span"),
    ("no_video", "permanent", "the source has no picture stream"),
    ("span_outside", "permanent", "the span reaches beyond the source"),
    ("too_large", "permanent", "the source is over a stated limit"),
    ("not_found", "fixable", "the source file is not there"),
    ("not_fetched", "fixable", "the source is not in the store yet: gifbench fetch"),
    ("no_span", "fixable", "the manifest does not say which part of the video is meant"),
    ("unmatched", "fixable", "which file of the folder is meant is not certain"),
    ("refused", "fixable", "the locator leads to a private address or out of its folder; --trust-manifest follows it"),
    # It cannot be fetched.
    ("unavailable", "permanent", "it was deleted, or never was"),
    ("private", "permanent", "its owner shows it to invited people only"),
    ("geo_blocked", "permanent", "it is not shown in this country"),
    ("login_required", "permanent", "sign-in required"),
    ("no_matching_format", "permanent", "it is offered in no format that fits"),
    ("not_yet_available", "transient", "it is live, or has not begun"),
    ("unconfirmed", "transient", "most answers of the service were the same, and none of them is believed"),
    ("rate_limited", "transient", "the service asked to slow down; says nothing about the source"),
    ("bot_check", "transient", "the service wants proof of a person; says nothing about the source"),
    ("forbidden", "transient", "the server refuses access for now"),
    ("server_error", "transient", "the server answered with a fault of its own"),
    ("network", "transient", "no connection, or it broke"),
    ("timeout", "transient", "the server stopped answering"),
    ("truncated", "transient", "fewer or more bytes came than were announced"),
    # Ours.
    ("tool", "fixable", "yt-dlp does not understand the site's answer; a newer one probably does"),
    ("crashed", "fixable", "the worker died while it made this clip"),
    ("internal", "fixable", "an error of gifbench's own, or of a library"),
)

REASONS: Mapping[str, str] = {reason: text for reason, _, text in _LIST}
"""Why a clip is not built. An error that is not here is recorded as `internal`; a recipe's own rules keep their names,
which `Recipe.rules` explains.
"""

KINDS: Mapping[str, Kind] = {reason: kind for reason, kind, _ in _LIST}
"""Whether trying again can help, for each reason."""

_RENAMED = {"gone": "unavailable", "not_yet": "not_yet_available", "no_format": "no_matching_format"}


def current_reason(reason: str) -> str:
    """A reason as it is called now; datasets, stores and scripts of gifbench 0.1 have three by other names."""
    return _RENAMED.get(reason, reason)
