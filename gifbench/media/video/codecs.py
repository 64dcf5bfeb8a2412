"""Which codecs the ffmpeg inside PyAV has."""

from __future__ import annotations

import av
from av.codec.codec import UnknownCodecError

NEEDED = {"ffv1": "rw", "h264": "r", "hevc": "r", "vp9": "r", "av1": "r", "libx264": "w"}
"""What gifbench reads (r) and writes (w): the truth, sources from cameras and from YouTube, restored videos."""


def ffmpeg_version() -> str:
    """The version of the ffmpeg inside PyAV, as it says itself: `8.1.2`."""
    return str(av.ffmpeg_version_info)


def missing_codecs() -> list[str]:
    """What of `NEEDED` is not there, as `reading vp9`."""
    missing = []
    for name, modes in NEEDED.items():
        for mode, doing in (("r", "reading"), ("w", "writing")):
            if mode in modes:
                try:
                    av.codec.Codec(name, mode)  # type: ignore[arg-type]
                except UnknownCodecError:
                    missing.append(f"{doing} {name}")
    return missing
