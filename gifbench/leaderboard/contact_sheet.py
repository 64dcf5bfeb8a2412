"""A contact sheet of a dataset: one page that shows at a glance what its clips are and what a GIF did to them.

The page is one file and of bounded size: at most `MOST_CLIPS` clips, each with its middle frame, small, as truth, plain
and dithered GIF, and the detail where the GIF tells most, to the pixel.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from gifbench.dataset import Dataset, DatasetClip
from gifbench.errors import GifbenchError
from gifbench.leaderboard.filmstrips_and_magnified_detail import telling_box, webp
from gifbench.leaderboard.jinja_environment import render
from gifbench.media.clip import Pixels
from gifbench.media.crop_and_resize import resize
from gifbench.progress import Progress, ProgressCallback, silent
from gifbench.text_redaction import redact

MOST_CLIPS = 60
"""More are not looked at; the pictures of a real clip have about 40 kB, so a page has 2 to 3 MB."""

FRAME_WIDTH, FRAME_HEIGHT = 288, 216
"""The largest that a whole frame is stored, in pixels; the page shows it at half of that."""


def contact_sheet(dataset: Dataset, *, progress: ProgressCallback = silent) -> str:
    """The page as HTML. A clip that cannot be read stands there with the reason."""
    clips = spread(dataset)
    shown = []
    for done, clip in enumerate(clips):
        progress(Progress(done, len(clips), clip.clip_id))
        shown.append(_shown(clip))
    progress(Progress(len(clips), len(clips)))
    about = dataset.about
    return render(
        "sheet.html",
        scripts=(),
        date=None,
        title=str(about.get("title", dataset.name)),
        fingerprint=dataset.fingerprint,
        megabytes=f"{about['bytes'] / 1e6:,.1f}",
        clips=shown,
        total=len(dataset),
        splits=[(split, int(n), int(about["frames"][split])) for split, n in sorted(about["clips"].items())],
        recipe=sorted((str(key), str(value)) for key, value in about["recipe"].items()),
    )


def spread(dataset: Dataset) -> Sequence[DatasetClip]:
    """At most `MOST_CLIPS` clips, split by split, evenly spread over their names; every split has one at least."""
    splits = sorted({row.split for row in dataset.rows})
    chosen: list[DatasetClip] = []
    for split in splits:
        clips = dataset.split(split)
        room = MOST_CLIPS if len(dataset) <= MOST_CLIPS else max(1, MOST_CLIPS * len(clips) // len(dataset))
        number = min(room, len(clips))
        chosen += [clips[len(clips) * (2 * i + 1) // (2 * number)] for i in range(number)]
    return chosen


def _shown(clip: DatasetClip) -> dict[str, object]:
    """A clip for the template: its pictures as `data:` addresses, three a row, or in `damage` why it has none."""
    row = clip.row
    rate = f"{float(clip.fps):.4g} a second" if row.ticks is None else "uneven times"
    facts = f"{row.frames:,} frames of {row.width} × {row.height}, {rate}"
    source = f"{row.source}: {redact(row.locator)}, {row.start_seconds:.2f} to {row.end_seconds:.2f} s"
    shown = {"clip_id": clip.clip_id, "split": clip.split, "facts": facts, "source": source, "licence": row.licence}
    try:
        return {**shown, "rows": _pictures(clip), "damage": ""}
    except GifbenchError as error:
        return {**shown, "damage": str(error)}


def _pictures(clip: DatasetClip) -> list[list[str]]:
    """The middle frame, and its most telling detail, each as truth, plain and dithered."""
    middle = clip.num_frames // 2
    plain, dithered = (clip.gif_frames([middle], dithered=dither).frame(0) for dither in (False, True))
    truth = clip.truth_frames([middle])[0]
    left, top, right, bottom = telling_box(plain, truth)
    frames = (truth, plain, dithered)
    wholes = [_address(_small(frame)) for frame in frames]
    return [wholes, [_address(frame[top:bottom, left:right], lossless=True) for frame in frames]]


def _small(frame: Pixels) -> Pixels:
    height, width = frame.shape[:2]
    scale = min(1.0, FRAME_WIDTH / width, FRAME_HEIGHT / height)
    return resize(frame, width=max(1, round(width * scale)), height=max(1, round(height * scale)), filter="area")


def _address(frame: Pixels, *, lossless: bool = False) -> str:
    return "data:image/webp;base64," + base64.b64encode(webp(frame[None], quality=80, lossless=lossless)).decode()
