"""A table in the very shape of Video2GIF's metadata.txt, for the videos of the official list."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable

from gifbench.manifest.rows import ManifestRow

COLUMNS = (
    *("youtube_id", "is_creative_commons", "gif_id", "gif_url", "gif_start_frame", "gif_end_frame", "gif_start_sec"),
    *("gif_end_sec", "gif_title", "gif_views", "gif_age", "video_title", "video_views", "video_publish_date"),
    *("video_likes", "video_duration", "video_frame_count", "video_category", "video_rating", "video_description"),
    "video_retrieved_date",
)

HEADER = ";\t".join(COLUMNS)
FPS = 30


def line(video: str, gif: int, start: int, frames: int, **change: object) -> str:
    """A row: `frames` frames from frame `start` on of a video of 600 s at 30 frames a second."""
    values: dict[str, object] = dict.fromkeys(COLUMNS, "") | {
        "youtube_id": video,
        "is_creative_commons": 0,
        "gif_id": gif,
        "gif_url": f"http://makeagif.com/{gif}",
        "gif_start_frame": f"{start}.0",  # as it happens there
        "gif_end_frame": start + frames,
        "gif_start_sec": start / FPS,
        "gif_end_sec": (start + frames) / FPS,
        "gif_title": "Über; a cat",
        "video_duration": 600,
        "video_frame_count": 600 * FPS,
        "video_description": "tabs\tand; semicolons",
        "video_retrieved_date": "2015-07-01",
    }
    return ";\t".join(str(value) for value in (values | change).values())


def table(clips: Iterable[ManifestRow], *, order: str = "file", offset: int = 0, seed: int = 0) -> list[str]:
    """Rows from which these clips follow: a clip's number counts its video's rows in the file, or by their start.

    Between the clips are rows of GIFs that the authors left out, with frame counts that no clip has.
    """
    dice = random.Random(seed)
    videos: dict[str, dict[int, int]] = defaultdict(dict)
    for clip in clips:
        videos[clip.locator][int(clip.clip_id.rsplit("_", 1)[1])] = clip.frames or 0
    lines, gif = [HEADER], 0
    for video, frames in videos.items():
        rows = []
        for number in range(1, max(frames) + 1):
            start = 100 * number if order == "start" else dice.randrange(15000)
            rows.append((start, frames.get(number, 5000 + number) - offset))
        if order == "start":
            dice.shuffle(rows)
        for start, count in rows:
            gif += 1
            lines.append(line(video, gif, start, count))
    return lines
