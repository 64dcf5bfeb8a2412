"""Secrets in texts that are shown or kept: signed URLs, tokens, passwords, names of users in paths.

    redact("https://host/a.mp4?X-Amz-Signature=0a1b")    "https://host/a.mp4?X-Amz-Signature=…"
    hashed("https://host/a.mp4?X-Amz-Signature=0a1b")    "https://host/a.mp4?X-Amz-Signature=sha256-1b0c…"

`redact` is for whatever a person or a log reads. `hashed` keeps two texts apart that differ in a secret alone, and is
for what serves as an identity: the same text gives the same result, and nobody reads the secret out of it.

A secret is told by its name, by the shape that a service gives its keys, by its place (the path of a webhook), or, in a
URL's path and query, by being nothing that anybody could guess: letters and digits without order, `_is_unguessable`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

_NAME = (
    r"[\w.%-]{0,99}(?:token(?!iz|s\b|_?dim)|secret|passw|pwd(?![a-z])|passphrase|signature|(?<![a-z])sig(?![a-z])|credential"
    r"|(?:api|access|account|private|secret|shared|signing|storage|subscription|master)[_-]?key|key-pair-id|bearer"
    r"|(?<![a-z])jwt(?![a-z])|(?<![a-z])rlkey(?![a-z])"
    r"|(?<![a-z])auth(?:orization|[_-]?key|[_-]?code)?(?![a-z])|(?<![a-z])j?session[_-]?id|(?<![a-z])hmac(?![a-z]))[\w.%-]{0,99}"
)
"""Names of parameters, options and headers whose value is a secret."""

_VALUE = r"[^\s&;,#\"'<>)\]}|]+"

_PATTERNS: tuple[re.Pattern[str], ...] = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # scheme://user:password@host
        r"(?P<kept>(?<![a-z0-9+.-])[a-z0-9+.-]{1,40}://)(?P<secret>[^\s/@\"'<>]+)(?=@)",
        # Authorization: Bearer abc; Cookie: a=b
        r"(?P<kept>\b(?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?(?:basic|bearer|digest|token)\s+)(?P<secret>[^\s\"',]+)",
        r"(?P<kept>\b(?:set-)?cookie[\"']?\s*:\s*[\"']?)(?P<secret>[^\"'\n]+)",
        r"(?P<kept>\bbearer\s+)(?P<secret>[\w.~+/-]{8,}=*)",
        # name=value, name%3Dvalue, "name": "value", name: value
        rf"(?P<kept>(?<![\w.-])-{{0,2}}{_NAME}[\"']?\s*(?:=|%3D|:\s*(?=[\"'])|:(?!//)\s*(?=\S{{8}}))[\"']?)"
        r"(?P<secret>(?:(?!%26)[^\s&;,#\"'<>)\]}|])+)",
        # --token value
        rf"(?P<kept>(?<![\w-])--{_NAME}(?:[\"'],)?\s+[\"']?)(?P<secret>(?!-){_VALUE})",
        # what a service's keys look like, wherever they stand
        r"(?P<kept>\b|(?<=_))(?P<secret>(?:gh[pousr]_|github_pat_|hf_|glpat-|xox[a-z]-|sk-(?=[\w-]{16})|AKIA|ASIA|AIza"
        r"|npm_|pypi-|dop_v1_|ya29\.|SG\.(?=[\w-]{16}))[\w.-]{8,})",
        r"(?P<kept>\b|(?<=_))(?P<secret>eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)*)",
        r"(?P<kept>-----BEGIN [A-Z ]*PRIVATE KEY-----)(?P<secret>(?!\s*sha256-)[^-]*[^-\s])",
        # curl -u name:password
        r"(?P<kept>(?<![\w-])(?:-u|--user)[\s=]+[\"']?[\w.@-]+:)(?P<secret>[^\s\"'/]+)",
        # in the query of a URL: names that are secrets there alone, and a long value without words
        r"(?P<kept>[?&](?:key|code|ticket|otp|pass|pw|pin|psk)(?:=|%3D))(?P<secret>[^\s&;#\"'<>]+)",
        r"(?P<kept>[?&][\w.~%-]{1,60}=)(?P<secret>(?=[\w~%.+/-]*\d)(?=[\w~%.+/-]*[a-z])[\w~%.+/-]{40,}=*)",
    )
)

_URL = re.compile(
    r"\b(?P<host>https?://[^\s/?#\"'<>]+)(?P<path>/[^\s?#\"'<>]*)?(?P<query>\?[^\s#\"'<>]*)?", re.IGNORECASE
)
_HOOK_HOST = re.compile(r"https?://(?:[^/@]*@)?(?:[\w-]+\.)*(?:web)?hooks?\.", re.IGNORECASE)
_HOOK = re.compile(r"/(?:web)?hooks?[\w-]*(?:/|$)|/incoming[_-]?webhook/|/bot(?=\d+(?::|%3A))", re.IGNORECASE)
_REVISION = re.compile(r"[0-9a-f]{40}")
_OF_REVISIONS = ("resolve", "raw", "blob", "tree", "commit", "commits", "archive")
"""What a revision stands behind in the URLs of services for code: it names public content."""
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_RUN = re.compile(r"[A-Za-z0-9]+")
_PIECE = re.compile(r"[^/.&=;,~]+")

_HOMES = re.compile(r"(?:(?<![\w.~-])/(?:home|Users)/|\b[A-Za-z]:[\\/]Users[\\/])(?![\\/\s])[^\s/\\:;\"'<>|]+")


def redact(text: str, *, homes: bool = True) -> str:
    """`text` with `…` in the place of every secret, and with `homes` `~` in that of `/home/NAME`."""
    shown = _replaced(text, lambda secret: "…")
    return _HOMES.sub("~", shown) if homes else shown


def hashed(text: str) -> str:
    """`text` with the first digits of its sha256 in the place of every secret; it keeps texts apart."""
    return _replaced(text, lambda secret: f"sha256-{_digits(secret)}")


def holds_secret(text: str) -> bool:
    """Whether there is a secret in `text`; what `hashed` put in the place of one is none."""
    return hashed(text) != text


def is_stripped(text: str) -> bool:
    """Whether a secret was in `text` once, and `hashed` took it out."""
    return re.search(r"sha256-[0-9a-f]{16}", text) is not None and not holds_secret(text)


def _replaced(text: str, instead: Callable[[str], str]) -> str:
    if not _MAY_HOLD.search(text):
        return text
    for pattern in _PATTERNS:
        text = pattern.sub(lambda found: f"{found['kept']}{_once(found['secret'], instead)}", text)
    return _URL.sub(lambda found: _url_replaced(found, instead), text)


def _url_replaced(found: re.Match[str], instead: Callable[[str], str]) -> str:
    """A URL with what is secret by its place, or cannot be guessed, replaced in path and query."""
    host, path, query = found["host"], found["path"] or "", found["query"] or ""
    if _HOOK_HOST.match(host) and len(path) > 1:
        path = f"/{_once(path[1:], instead)}"
    elif (hook := _HOOK.search(path)) and hook.end() < len(path):
        path = f"{path[: hook.end()]}{_once(path[hook.end() :], instead)}"
    else:
        parts = path.split("/")
        for at, part in enumerate(parts):
            before = parts[at - 1] if at else ""
            public = before in _OF_REVISIONS or host.lower().endswith("//raw.githubusercontent.com")
            if not (public and _REVISION.fullmatch(part)):
                parts[at] = _pieces_replaced(part, instead)
        path = "/".join(parts)
    return f"{host}{path}{_pieces_replaced(query, instead)}"


def _pieces_replaced(text: str, instead: Callable[[str], str]) -> str:
    return _PIECE.sub(lambda piece: instead(piece[0]) if _is_unguessable(piece[0]) else piece[0], text)


def _is_unguessable(piece: str) -> bool:
    """Whether a part of a URL is random letters and digits, as tokens and the ids of shared links are.

    Counted are its runs of letters and digits without order: those that change between capitals, small letters and
    digits as often as chance does, and those in which digits stand between few letters. Words, numbers, dates and the
    eleven characters of a YouTube id are none.
    """
    if _UUID.search(piece):
        return True
    mixed = scattered = 0
    for run in _RUN.findall(piece):
        kinds = ["0" if letter.isdigit() else "A" if letter.isupper() else "a" for letter in run]
        changes = sum(one != other for one, other in pairwise(kinds))
        capitals = len(re.findall("[A-Z]{2}", run))  # side by side, as CamelCase has none
        if changes >= _CHANGES * (len(run) - 1) and (len(set(kinds)) == 3 or (len(set(kinds)) == 2 and capitals > 1)):
            mixed += len(run)
        numbers, letters = len(re.findall(r"\d+", run)), sum(kind != "0" for kind in kinds)
        if letters and (numbers > 3 or (numbers == 3 and (letters <= _BETWEEN * numbers or len(run) >= _LONG))):
            scattered += len(run)
    return mixed >= _MIXED or scattered >= _SCATTERED


_CHANGES = 0.35  # of neighboring characters are of different kinds: 0.62 in random ones, 0.3 in CamelCase2024
_BETWEEN = 5  # letters for each number: as many as 32 letters and digits by chance have
_LONG = 24
_MIXED, _SCATTERED = 13, 20
"""Characters without order, some 80 bits and more, that make a secret: the id of a YouTube video has eleven."""


def _once(secret: str, instead: Callable[[str], str]) -> str:
    """What stands for a secret; what stands for one already stays, so that nothing is hashed twice."""
    return secret if re.fullmatch(r"…|sha256-[0-9a-f]{16}", secret) else instead(secret)


def _digits(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()[:16]


_MAY_HOLD = re.compile(
    r"token|secret|pass|pwd|sig|credential|key|auth|jwt|bearer|session|hmac|cookie|://|gh[pousr]_|github_pat_|hf_|glpat-"
    r"|xox|sk-|AKIA|ASIA|AIza|eyJ|npm_|pypi-|dop_v1_|ya29|SG\.|PRIVATE|-u|--user",
    re.IGNORECASE,
)
"""What a text holds at least if one of the patterns fits: most texts hold none, and are looked at once."""


def is_there(text: str) -> bool:
    """Whether a text names a file or folder on this machine."""
    try:
        return bool(text) and "\0" not in text and Path(text).expanduser().exists()
    except (OSError, RuntimeError):
        return False


def displayed(value: object) -> str | int | float | bool | None:
    """An option as results show it: of a path the last part, because where files lie is nobody's business."""
    if isinstance(value, bool | int | float | None):
        return value
    text = str(value)
    if "://" not in text and re.search(r"[/\\]", text) and (re.match(r"[/\\~]|[A-Za-z]:[/\\]", text) or is_there(text)):
        text = re.split(r"[/\\]", text.rstrip("/\\"))[-1] or text
    return redact(text)
