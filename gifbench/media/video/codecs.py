"""Which codecs the ffmpeg inside PyAV has, and the checksums of FFV1, which ffmpeg reads without minding them."""

from __future__ import annotations

import struct
import zlib
from typing import Final, Literal

import av
from av.codec.codec import UnknownCodecError

NEEDED = {"utvideo": "rw", "ffv1": "rw", "h264": "r", "hevc": "r", "vp9": "r", "av1": "r", "libx264": "w"}
"""What gifbench reads (r) and writes (w): the truth, sources from cameras and from YouTube, restored videos."""

FFV1: Final = "ffv1"
UTVIDEO: Final = "utvideo"
"""The codecs of the lossless truth: with checksums, and fast."""
LosslessCodec = Literal["utvideo", "ffv1"]
PLANAR = "gbrp"
"""The layout of pixels that UtVideo takes."""

_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_FOOTER = 8


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


def slices_intact(packet: bytes) -> bool:
    """Whether every slice of an FFV1 packet has the checksum it was written with.

    A slice ends with its size without this footer (3 bytes), a status and a CRC-32 (RFC 9043, 4.9), over all of which
    the CRC leaves 0. It takes bits from the top where zlib takes them from the bottom, hence the mirrored bytes.
    """
    end = len(packet)
    mirrored = packet.translate(_REVERSED_BITS)
    while end > 0:
        start = end - _FOOTER - int.from_bytes(packet[end - _FOOTER : end - _FOOTER + 3], "big")
        if end < _FOOTER or start < 0 or zlib.crc32(mirrored[start:end], 0xFFFFFFFF) != 0xFFFFFFFF:
            return False
        end = start
    return True


def utvideo_whole(packet: bytes, extradata: bytes | None) -> bool:
    """Whether a UtVideo packet in GBR is as long as its planes say: ffmpeg cuts off one that does not compress at all.

    A plane is 256 code lengths, where each slice ends (4 bytes each), and the slices; four bytes end the packet. The
    last byte of the stream's `extradata` is the number of slices less one.
    """
    slices = (extradata or bytes(16))[15] + 1
    at = 0
    for _ in range(3):
        at += 256 + 4 * slices
        if at > len(packet):
            return False
        at += struct.unpack_from("<I", packet, at - 4)[0]
    return at + 4 == len(packet)
