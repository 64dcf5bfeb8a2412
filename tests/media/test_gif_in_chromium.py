"""`Gif.read` shows what Chromium shows, frame by frame: files from the wild, and small ones with an oddity each."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from gifbench.errors import GifbenchError
from gifbench.media.gif import Gif
from tests.leaderboard.chromium import Chromium
from tests.media.browser_gif import Shown, open_page, shown
from tests.media.gif_kinds import kinds, see_through

READ_ANYWAY = {
    "Pillow__Tests_images_issue_2811.gif": "Pillow, ffmpeg and gifsicle read it",
    "pygif__test-suite_max-codes.gif": "LZW codes of 11 bits for pixels of 8: unusual, and all there",
    "pygif__test-suite_max-height.gif": "Chromium shows no picture of more than 32767 rows",
    "pygif__test-suite_max-width.gif": "Chromium shows no picture of more than 32767 columns",
}
"""Chromium shows nothing of these files."""

OTHER_PIXELS = ("of code size 0", "of code size 1", "of code size 9", "the first image short of data, interlaced")
"""Kinds of which Chromium shows other pixels or frames, on purpose: image data that the specification forbids, and rows
that stand in for those that are missing, as in a picture that is still loading."""


NOT_ASKED = "image-gif__tests_stall_issue-101-infinite-empty-loop.gif"
"""A screen of 440 million pixels, which Chromium lays out before it finds nothing: a third of the time of all files."""


@pytest.fixture
def decoder(browser: Chromium, tmp_path: Path) -> Chromium:
    """With the page that decodes."""
    open_page(browser, tmp_path)
    return browser


def frames_of(gif: Gif) -> list[tuple[str, int]]:
    """As `Shown` has them: a hash of the RGBA and how long, in microseconds."""
    ends = (*gif.times[1:], gif.duration)
    frames = []
    for i, (start, end) in enumerate(zip(gif.times, ends, strict=True)):
        pixels = np.dstack([gif.frame(i), np.full((gif.height, gif.width), 255, np.uint8)])
        pixels[see_through(gif, i)] = 0
        frames.append((hashlib.sha256(pixels.tobytes()).hexdigest(), int(1_000_000 * (end - start))))
    return frames


def as_shown(in_browser: Shown) -> list[tuple[str, int]]:
    """Delays of 0 and 1 hundredths as pages show them; the decoder gives them as they are in the file."""
    times = [int(frame["microseconds"]) for frame in in_browser.frames]
    return [
        (str(frame["sha256"]), time if time >= 20_000 else 100_000)
        for frame, time in zip(in_browser.frames, times, strict=True)
    ]


def difference(in_browser: Shown, data: bytes) -> str | None:
    try:
        gif = Gif.read(data)
    except GifbenchError as error:
        return None if in_browser.error or not in_browser.frames else f"refused: {error}"
    if in_browser.error:
        return f"read, and Chromium says {in_browser.error}"
    if (gif.width, gif.height) != (in_browser.width, in_browser.height):
        return f"{gif.width}×{gif.height} and {in_browser.width}×{in_browser.height}"
    ours, theirs = frames_of(gif), as_shown(in_browser)
    if len(ours) != len(theirs):
        return f"{len(ours)} frames and {len(theirs)}"
    other = [i for i in range(len(ours)) if ours[i] != theirs[i]]
    if other:
        return f"frames {other} differ"
    repeats = None if gif.loop == 0 else gif.loop - 1
    if len(gif) > 1 and repeats != in_browser.plays:
        return f"repeated {repeats} times and {in_browser.plays}"
    return None


def differences(decoder: Chromium, paths: list[Path]) -> dict[str, str | None]:
    """By file name what differs, None where nothing does."""
    in_browser = shown(decoder, paths)
    return {path.name: difference(one, path.read_bytes()) for path, one in zip(paths, in_browser, strict=True)}


def test_the_corpus_looks_as_in_chromium(decoder: Chromium, clips: Path) -> None:
    paths = sorted((clips / "gifs").glob("*.gif"))
    assert len(paths) == 255
    found = differences(decoder, [path for path in paths if path.name != NOT_ASKED])
    assert {name: what for name, what in found.items() if what and name not in READ_ANYWAY} == {}
    assert all(found[name] for name in READ_ANYWAY)


@pytest.mark.slow
def test_a_screen_of_440_million_pixels_is_shown_by_neither(decoder: Chromium, clips: Path) -> None:
    assert differences(decoder, [clips / "gifs" / NOT_ASKED]) == {NOT_ASKED: None}


def test_files_on_which_an_earlier_version_failed_look_as_in_chromium(decoder: Chromium, clips: Path) -> None:
    paths = sorted((clips.parent / "wild").glob("*.gif"))
    assert paths
    assert {name: what for name, what in differences(decoder, paths).items() if what} == {}


def test_small_files_with_an_oddity_each_look_as_in_chromium(decoder: Chromium, tmp_path: Path) -> None:
    files = dict(kinds())
    paths = [tmp_path / f"{i}.gif" for i in range(len(files))]
    for path, data in zip(paths, files.values(), strict=True):
        path.write_bytes(data)
    found = dict(zip(files, differences(decoder, paths).values(), strict=True))
    assert len(found) > 400
    strange = {name: what for name, what in found.items() if what}
    assert {name: what for name, what in strange.items() if not any(kind in name for kind in OTHER_PIXELS)} == {}
    assert strange
