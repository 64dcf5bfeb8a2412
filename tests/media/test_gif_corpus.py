"""255 GIFs, from the wild and from other decoders' tests: pixels and times are Pillow's, or it is said why not."""

import csv
import sys
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gifbench.errors import CorruptMedia, GifbenchError, TooLarge
from gifbench.media.gif import Gif
from tests.media.gif_kinds import read_apart, same, see_through

LARGER = "Pillow enlarges the screen to every image that reaches beyond it, browsers only to the first"
BARE = "Pillow fills what no image covers with a color, browsers leave it see-through"

PILLOW_DIFFERS = {
    "ImageMagick__PerlMagick_t_x11_congrats.gif": BARE,
    "Pillow__Tests_images_decompression_bomb_extents.gif": "Pillow refuses the screen that it would enlarge",
    "Pillow__Tests_images_dispose_bgnd.gif": BARE,
    "Pillow__Tests_images_dispose_bgnd_rgba.gif": BARE,
    "Pillow__Tests_images_test_extents.gif": LARGER,
    "Pillow__Tests_images_test_extents_transparency.gif": LARGER,
    "libgd__tests_gif_animated_gif_reader_dispose_background.gif": BARE,
    "libgd__tests_gif_animated_gif_reader_small_frame_big_canvas.gif": BARE,
    "libgd__tests_gif_gif-conformance_valid_dispose_none.gif": BARE,
    "libgd__tests_gif_gif-conformance_valid_dispose_previous.gif": BARE,
    "libgd__tests_gif_gif-conformance_valid_dispose_unspecified.gif": BARE,
    "libgd__tests_gif_gif-conformance_valid_overlapping_frames.gif": BARE,
    "libvips__test_test-suite_images_invalid_multiframe.gif": "Pillow refuses the last image, which is broken",
    "pygif__test-suite_dispose-restore-background.gif": BARE,
    "pygif__test-suite_high-color.gif": BARE,
    "pygif__test-suite_image-inside-bg.gif": BARE,
    "pygif__test-suite_image-outside-bg.gif": BARE,
    "pygif__test-suite_image-overlap-bg.gif": BARE,
    "pygif__test-suite_images-combine.gif": BARE,
    "pygif__test-suite_missing-pixels.gif": "Pillow fills the pixels that are missing with color 0",
}
"""Why Pillow shows something else, or nothing; Chromium is the witness (`test_gif_in_chromium.py`)."""

BROKEN = {
    "Pillow__Tests_images_decompression_bomb.gif": CorruptMedia,
    "Pillow__Tests_images_zero_width.gif": CorruptMedia,
    "image-gif__tests_crashtest_issue-117-out-of-range.gif": CorruptMedia,
    "image-gif__tests_crashtest_issue-96-small-codesize-2.gif": TooLarge,
    "image-gif__tests_crashtest_issue-96-small-codesize.gif": CorruptMedia,
    "image-gif__tests_stall_issue-101-infinite-empty-loop.gif": TooLarge,
    "libgd__tests_fuzzing_corpus_gif_bug00005_1.gif": CorruptMedia,
    "libgd__tests_fuzzing_corpus_gif_ossfuzz5700.gif": TooLarge,
    "libgd__tests_gif_animated_gif_reader_bad_magic.gif": CorruptMedia,
    "libgd__tests_gif_bug00005_0.gif": CorruptMedia,
    "libgd__tests_gif_bug00005_2.gif": TooLarge,
    "libgd__tests_gif_bug00005_3.gif": CorruptMedia,
    "libgd__tests_gif_gif-conformance_invalid_bad_lzw_code.gif": CorruptMedia,
    "libgd__tests_gif_gif-conformance_invalid_empty.gif": CorruptMedia,
    "libgd__tests_gif_gif-conformance_invalid_truncated_header.gif": CorruptMedia,
    "libgd__tests_gif_gif-conformance_invalid_truncated_lzw.gif": CorruptMedia,
    "libgd__tests_gif_gif-conformance_invalid_zero_dimensions.gif": CorruptMedia,
    "libgd__tests_gif_php_bug_75571.gif": TooLarge,
    "libnsgif__test_data_lzwof.gif": CorruptMedia,
    "libnsgif__test_data_lzwoob.gif": CorruptMedia,
    "libvips__test_test-suite_images_truncated.gif": CorruptMedia,
    "pygif__test-suite_image-zero-height.gif": CorruptMedia,
    "pygif__test-suite_image-zero-size.gif": CorruptMedia,
    "pygif__test-suite_image-zero-width.gif": CorruptMedia,
    "pygif__test-suite_invalid-code.gif": CorruptMedia,
    "pygif__test-suite_max-size.gif": TooLarge,
    "pygif__test-suite_no-data.gif": CorruptMedia,
    "pygif__test-suite_overflow-codes-max.gif": CorruptMedia,
    "pygif__test-suite_overflow-codes.gif": CorruptMedia,
    "pygif__test-suite_zero-height.gif": CorruptMedia,
    "pygif__test-suite_zero-size.gif": CorruptMedia,
    "pygif__test-suite_zero-width.gif": CorruptMedia,
}
"""What cannot be read, neither by Pillow."""


@pytest.fixture(scope="module")
def gifs(clips: Path) -> dict[str, Path]:
    with (clips / "SOURCES.csv").open(newline="", encoding="utf-8") as file:
        listed = [row["file"] for row in csv.DictReader(file) if row["file"].startswith("gifs/")]
    assert len(listed) == 255
    return {Path(name).name: clips / name for name in listed}


@pytest.fixture(scope="module")
def readable(gifs: dict[str, Path]) -> dict[str, Gif]:
    return {name: Gif.read(path) for name, path in gifs.items() if name not in BROKEN}


def pillow(path: Path, most: int = 10**9) -> tuple[list[np.ndarray], list[Fraction]]:
    """At most so many composited RGBA frames, and the seconds each is shown, short delays taken as browsers do."""
    frames, seconds = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path) as image:
            while len(frames) < most:
                try:
                    image.seek(len(frames))
                except EOFError:
                    break
                frames.append(np.asarray(image.convert("RGBA")))
                milliseconds = image.info.get("duration", 0)
                seconds.append(Fraction(milliseconds if milliseconds >= 20 else 100, 1000))
    return frames, seconds


def shows(gif: Gif, i: int, frame: np.ndarray) -> bool:
    clear = see_through(gif, i)
    if frame.shape[:2] != clear.shape or not np.array_equal(frame[..., 3] == 0, clear):
        return False
    return bool((clear | (frame[..., :3] == gif.frame(i)).all(-1)).all())


def test_every_readable_file_shows_what_pillow_shows(gifs: dict[str, Path], readable: dict[str, Gif]) -> None:
    for name, gif in readable.items():
        try:
            long = gif.indices.size > 3_000_000 and name not in PILLOW_DIFFERS
            most = 8 if long else len(gif) + 1  # the rest is more of the same, and compared with what Chromium shows
            frames, seconds = pillow(gifs[name], most)
        except (Image.DecompressionBombError, OSError):
            assert name in PILLOW_DIFFERS
            continue
        ends = (*gif.times[1:], gif.duration)
        as_long = [end - time for time, end in zip(gif.times, ends, strict=True)][:most] == seconds
        alike = as_long and all(shows(gif, i, frame) for i, frame in enumerate(frames))
        assert alike == (name not in PILLOW_DIFFERS), name


def test_every_readable_file_comes_back_from_writing(readable: dict[str, Gif]) -> None:
    for name, gif in readable.items():
        if gif.indices.size > 10_000_000:
            gif = gif.select(range(min(len(gif), 20)))  # noqa: PLW2901 - the rest is more of the same
        same(Gif.read(gif.to_bytes()), gif, name)


def test_every_readable_file_comes_back_from_optimized_writing_and_is_rarely_larger(readable: dict[str, Gif]) -> None:
    sizes = np.zeros(2)
    for name, gif in readable.items():
        if gif.indices.size > 2_000_000 or gif.indices.dtype != np.uint8:
            continue
        small = gif.to_bytes(optimize=True)
        same(Gif.read(small), gif, name)
        sizes += len(small), len(gif.to_bytes())
    assert sizes[0] < sizes[1]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_every_broken_file_ends_in_one_error_within_2_seconds_and_500_megabytes(gifs: dict[str, Path]) -> None:
    good = gifs["Pillow__Tests_images_dispose_bgnd_transparency.gif"]
    assert read_apart(good, [gifs[name] for name in BROKEN]) == [kind.__name__ for kind in BROKEN.values()]


def test_pillow_reads_none_of_the_broken_files(gifs: dict[str, Path]) -> None:
    for name in BROKEN:
        with pytest.raises((OSError, ValueError, Image.DecompressionBombError)):
            pillow(gifs[name])


def test_of_a_broken_file_nothing_can_be_salvaged(gifs: dict[str, Path]) -> None:
    for name in BROKEN:
        with pytest.raises(GifbenchError):
            Gif.read(gifs[name], salvage=True)


def test_a_real_gif_cut_in_the_middle_shows_what_is_there_and_says_so(gifs: dict[str, Path]) -> None:
    data = gifs["LipNet__assets_lipreading.gif"].read_bytes()
    whole = Gif.read(data)
    half = Gif.read(data[: len(data) // 2])
    assert len(half) == 14 and half.times == whole.times[:14]
    np.testing.assert_array_equal(half.frames[:13], whole.select(range(13)).frames)
    assert len(half.damage) == 2 and "image 13: its data end after" in half.damage[0]
    assert "the file ends" in half.damage[1]
