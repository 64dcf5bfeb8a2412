"""Every exception of PyAV as one of `gifbench.errors`, in a line that names the file."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av.error

from gifbench.errors import CorruptMedia, DamagedMedia, MediaError, TooLarge, storage_errors
from gifbench.media.video.truncation import missing_bytes

_UNSUPPORTED = (
    av.error.BSFNotFoundError,
    av.error.DecoderNotFoundError,
    av.error.DemuxerNotFoundError,
    av.error.ProtocolNotFoundError,
    av.error.PatchWelcomeError,
    av.error.NotImplementedError,
    av.error.ExperimentalError,
)
_UNDECODABLE = (
    av.error.InvalidDataError,
    av.error.EOFError,
    av.error.ArgumentError,
    av.error.UndefinedError,
    av.error.InputChangedError,
    av.error.OutputChangedError,
    av.error.OverflowError,
    av.error.BufferTooSmallError,
)

_OF_THE_BYTES = (errno.EIO, errno.EBUSY, errno.EOPNOTSUPP, errno.ENOTSUP)
_OF_WHAT_IS_READ = (*_OF_THE_BYTES, errno.EPERM, errno.EACCES, errno.ENOENT)
"""Demuxers also say "input/output error" of a file that ends too early, that of YUV4MPEG "device or resource busy" of a
size that cannot be, and filters "operation not supported" of colors: none is about the place. Decoders return -1, which
is "operation not permitted", when the file was opened long before."""


@contextmanager
def av_errors(place: object, *, opening: bool = False, reading: bool = False) -> Iterator[None]:
    """Turn an exception of PyAV raised while `place` is read or written into one of `gifbench.errors` that names it.

    An error that carries a number of the operating system goes through `storage_errors`: a full disk is `DiskFull`.
    `reading` is for a file that could be opened: what libav then says of places and permissions is about its content.
    `opening` likewise, and looks whether one that libav cannot open is cut off.
    """
    try:
        yield
    except av.error.FFmpegError as error:
        of_the_bytes = error.errno in (_OF_WHAT_IS_READ if reading or opening else _OF_THE_BYTES)
        if isinstance(error, OSError) and not of_the_bytes:
            with storage_errors(place):
                raise OSError(error.errno, error.strerror) from error
        kind: type[MediaError] = CorruptMedia
        if isinstance(error, _UNSUPPORTED) or error.errno in (errno.EOPNOTSUPP, errno.ENOTSUP):
            advice = "ffmpeg cannot decode or convert it: make a copy in a usual format with another program"
        elif opening and isinstance(place, Path) and (missing := missing_bytes(place)):
            kind, advice = DamagedMedia, f"it is cut off and lacks {missing} bytes: give a whole copy"
        elif of_the_bytes or isinstance(error, _UNDECODABLE):
            advice = "it cannot be decoded; it is damaged, or no video: see what `ffmpeg -i` says of it"
        elif isinstance(error, MemoryError):
            kind, advice = TooLarge, "it wants more memory than there is"
        else:  # the build of ffmpeg, or how it is used
            kind, advice = MediaError, "ffmpeg failed; see what `ffmpeg -i` says of the file"
        raise kind(f"{place}: {advice} ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise CorruptMedia(f"{place}: its header holds text that cannot be read ({error.reason})") from error
