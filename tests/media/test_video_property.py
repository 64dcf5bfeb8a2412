"""A span of any video is the same frames by seeking as from the start, and by time as by frame number."""

from __future__ import annotations

import pytest

from gifbench.errors import CorruptMedia
from tests.media.video_files import CODECS, check_every_start, ffmpeg_decodes, generated, makes

FAST = [
    ("h264", "mp4", "even"),
    ("h264-open", "mkv", "uneven"),
    ("h264", "mkv", "twice"),
    ("hevc-open", "mp4", "four times"),
    ("h264", "mp4", "one back"),
    ("mpeg4", "mkv", "clock back"),
    ("h264-plain", "mov", "clock back"),
    ("h264", "mp4", "concat"),
    ("h264-open", "mp4", "fragments"),
    ("h264", "mov", "cut"),
    ("vp8", "webm", "late"),
    ("mpeg2", "ts", "cat"),
]


@pytest.mark.parametrize("make", FAST, ids=" ".join)
def test_some_videos_from_some_frames(make, tmp_path):
    (path,) = generated(tmp_path, [make])
    check_every_start(path, every=5)


def test_there_are_many_videos():
    assert len(makes()) >= 500


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("codec", CODECS)
def test_all_videos_from_every_frame(codec, tmp_path):
    files = starts = 0
    chosen = [make for make in makes() if make[0] == codec]
    for path in generated(tmp_path, chosen):
        try:
            starts += check_every_start(path)
            files += 1
        except CorruptMedia as error:
            if ffmpeg_decodes(path):
                pytest.fail(f"{path.name}: {error}")
        path.unlink()
    print(f"{codec}: {files} files, {starts} starts")
    assert files > len(chosen) / 2
