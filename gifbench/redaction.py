"""Secrets in texts that are shown or kept: signed URLs, tokens, passwords, names of users in paths.

    redact("https://host/a.mp4?X-Amz-Signature=0a1b")    "https://host/a.mp4?X-Amz-Signature=…"
    hashed("https://host/a.mp4?X-Amz-Signature=0a1b")    "https://host/a.mp4?X-Amz-Signature=sha256-1b0c…"

`redact` is for whatever a person or a log reads. `hashed` keeps two texts apart that differ in a secret alone, and is
for what serves as an identity: the same text gives the same result, and nobody reads the secret out of it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

_NAME = (
    r"[\w.%-]*(?:token(?!iz|s\b|_?dim)|secret|passw|pwd(?![a-z])|passphrase|signature|(?<![a-z])sig(?![a-z])|credential"
    r"|api[_-]?key|access[_-]?key|private[_-]?key|secret[_-]?key|key-pair-id|bearer|(?<![a-z])jwt(?![a-z])"
    r"|(?<![a-z])auth(?:orization|[_-]?key|[_-]?code)?(?![a-z])|(?<![a-z])j?session[_-]?id|(?<![a-z])hmac(?![a-z]))[\w.%-]*"
)
"""Names of parameters, options and headers whose value is a secret."""

_VALUE = r"[^\s&;,#\"'<>)\]}|]+"

_PATTERNS: tuple[re.Pattern[str], ...] = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # scheme://user:password@host
        r"(?P<kept>[a-z][a-z0-9+.-]*://)(?P<secret>[^\s/@\"'<>]+)(?=@)",
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
        r"(?P<kept>\b)(?P<secret>(?:gh[pousr]_|github_pat_|hf_|glpat-|xox[abprs]-|sk-(?=[\w-]{16})|AKIA|ASIA|AIza)[\w-]{8,})",
        r"(?P<kept>\b)(?P<secret>eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?)",
        # a long value without words in the query of a URL
        r"(?P<kept>[?&][\w.~%-]{1,60}=)(?P<secret>(?=[\w~%.-]*\d)(?=[\w~%.-]*[a-z])[\w~%.-]{40,})",
    )
)

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
    return text


def _once(secret: str, instead: Callable[[str], str]) -> str:
    """What stands for a secret; what stands for one already stays, so that nothing is hashed twice."""
    return secret if re.fullmatch(r"…|sha256-[0-9a-f]{16}", secret) else instead(secret)


def _digits(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()[:16]


_MAY_HOLD = re.compile(
    r"token|secret|pass|pwd|sig|credential|key|auth|jwt|bearer|session|hmac|cookie|://|gh[pousr]_|github_pat_|hf_|glpat-"
    r"|xox|sk-|AKIA|ASIA|AIza|eyJ",
    re.IGNORECASE,
)
"""What a text holds at least if one of the patterns fits: most texts hold none, and are looked at once."""
