"""A member of a shard as a file of its own, read where it lies: none of it is in memory but what is asked for."""

from __future__ import annotations

import io
import os
from typing import BinaryIO

from gifbench.dataset.shards import Member


class MemberFile(io.RawIOBase):
    """The bytes of `member` in the open file `shard`, from its own byte 0 to its end; closes the shard with itself."""

    def __init__(self, shard: BinaryIO, member: Member) -> None:
        super().__init__()
        self._shard, self._member, self._at = shard, member, 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte of the member; its number from the start."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._member.bytes}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # a buffer of any kind, in its view
        """Fill `buffer` as far as the member goes; the number of bytes."""
        length = min(len(buffer), max(0, self._member.bytes - self._at))
        self._shard.seek(self._member.offset + self._at)
        data = self._shard.read(length)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        """Close the shard, too."""
        if not self.closed:
            self._shard.close()
        super().close()
