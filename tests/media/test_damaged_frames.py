"""Of a video with a damaged picture, what is left is whole to the bit and keeps its times."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from gifbench.errors import DamagedMedia
from gifbench.media.video import DamagedFrames, Span, decode, probe
from tests.conftest import moving_picture, write_video
from tests.media.video_files import remuxed, with_data

FRAMES = 20


def write_whole(path: Path, codec: str, **options: str) -> Path:
    """A video with a key frame in eight."""
    return write_video(path, moving_picture(FRAMES, 48, 64), codec=codec, options={"g": "8", **options})


def write_damaged(path: Path, whole: Path, number: int) -> Path:
    """A copy of a video in which the later half of the packet `number` is overwritten."""

    def change(i: int, packet: av.Packet) -> av.Packet:
        if i != number:
            return packet
        data = bytes(packet)
        return with_data(packet, data[: len(data) // 2] + b"U" * (len(data) - len(data) // 2))

    return remuxed(whole, path, change)


@pytest.mark.parametrize(
    ("codec", "options", "number", "lost"),
    [
        ("mpeg4", {}, 4, {4, 5, 6, 7}),  # all that is predicted from it, up to the next key frame
        ("mpeg4", {}, 0, set(range(8))),
        ("mpeg4", {}, 16, {16, 17, 18, 19}),
        ("mpeg2video", {"bf": "2"}, 3, {2}),  # no other is predicted from it
        ("mpeg2video", {"bf": "2"}, 4, {4, 5, 6, 7, 8}),  # 4 and 5 are shown before the damaged one, and made of it
        ("libx264", {"preset": "fast"}, 5, {5, 6, 7}),
    ],
)
def test_what_is_left_is_whole(
    tmp_path: Path, codec: str, options: dict[str, str], number: int, lost: set[int]
) -> None:
    whole = write_whole(tmp_path / "whole.mkv", codec, **options)
    damaged = write_damaged(tmp_path / "damaged.mkv", whole, number)
    with pytest.raises(DamagedMedia):
        list(decode(damaged))
    with pytest.raises(DamagedMedia, match=f"more than {len(lost) - 1} frames" if len(lost) > 1 else "is damaged"):
        list(decode(damaged, damaged=DamagedFrames(len(lost) - 1)))
    allowed = DamagedFrames(len(lost))
    left = list(decode(damaged, damaged=allowed))
    kept = [frame for frame in decode(whole) if frame.index not in lost]
    assert [frame.video_time for frame in left] == [frame.video_time for frame in kept]
    pairs = zip(left, kept, strict=True)
    assert [other.index for frame, other in pairs if not np.array_equal(frame.pixels, other.pixels)] == []
    assert {round(time * 25) for time in allowed.times} == lost
    assert allowed.note().startswith(f"{len(lost)} frame")
    assert probe(damaged, allow_damaged=True).width == 64


def test_damage_outside_of_the_span_counts_nothing_and_numbers_stay(tmp_path: Path) -> None:
    damaged = write_damaged(tmp_path / "damaged.mkv", write_whole(tmp_path / "whole.mkv", "mpeg4"), 6)
    allowed = DamagedFrames(2)
    left = list(decode(damaged, Span(start_frame=7, end_frame=10), damaged=allowed))
    assert [round(frame.video_time * 25) for frame in left] == [8, 9]
    assert len(allowed.times) == 1
    allowed = DamagedFrames(1)
    assert len(list(decode(damaged, Span(start=Fraction(8, 25)), damaged=allowed))) == FRAMES - 8
    assert not allowed.times
    with pytest.raises(DamagedMedia, match="all frames"):
        list(decode(damaged, Span(start_frame=6, end_frame=8), damaged=DamagedFrames(9)))
