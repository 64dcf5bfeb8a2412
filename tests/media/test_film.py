"""A video through a method: every frame at its own time, what sounds in step with what is seen, nothing held."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from gifbench.errors import AlreadyExists, CorruptMedia, GifbenchError, UsageError
from gifbench.file_restoration import restore_gif, restore_video
from gifbench.media.gif import Gif
from gifbench.media.video import Film, decode, sound_kinds
from gifbench.methods.conformance import small_gif
from gifbench.methods.registry import load_instance
from tests.conftest import answer, invoke, moving_picture, write_video
from tests.media.video_files import ffmpeg, pattern, remuxed, uneven, with_data

RATE = 48_000
FLASH = Fraction(1)


def film_with_sound(
    path: Path,
    *,
    sound: str = "aac",
    starts: Fraction = Fraction(0),
    sound_starts: Fraction = Fraction(0),
    channels: int = 2,
    video: str = "libx264",
    seconds: float = 2,
) -> Path:
    """Dark frames with one white, and a tone that begins with it, both FLASH after `starts`."""
    begin = float(starts + FLASH - sound_starts)
    dark = f"color=0x141414:size=64x48:rate=25:d={seconds},drawbox=color=white:thickness=fill:enable='eq(n,25)'"
    tone = f"0.6*sin(2000*PI*t)*between(t,{begin},{begin + 0.3})"
    tones = f"aevalsrc='{tone}':sample_rate={RATE}:duration={seconds + float(starts - sound_starts)}"
    ffmpeg(
        *("-itsoffset", float(starts), "-f", "lavfi", "-i", dark),
        *("-itsoffset", float(sound_starts), "-f", "lavfi", "-i", tones),
        *("-c:v", video, "-pix_fmt", "yuv420p", *(("-preset", "ultrafast", "-bf", 2) if video == "libx264" else ())),
        *("-c:a", sound, "-ac", channels, path),
    )
    return path


def seen_and_heard(path: Path) -> tuple[float, float]:
    """When the white frame is shown and when the tone begins, on the container's clock."""
    flash = next(frame for frame in decode(path) if frame.pixels.mean() > 128)
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            samples = frame.to_ndarray().astype(np.float64)
            peak = np.abs(samples if frame.format.is_planar else samples.reshape(-1, len(frame.layout.channels)).T)
            loud = np.flatnonzero(peak.max(axis=0) > 0.25 * (32767 if samples.max() > 8 else 1))
            if len(loud):
                return float(flash.clock), float(frame.pts * frame.time_base) + loud[0] / frame.sample_rate
    raise AssertionError("no tone")


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plain.mp4", {}),
        ("late.ts", {"starts": Fraction(3)}),
        ("sound_first.mkv", {"starts": Fraction(1, 2)}),
        ("sound_last.mp4", {"sound_starts": Fraction(4, 5)}),
        ("opus.webm", {"sound": "libopus", "video": "libvpx-vp9"}),
        ("pcm.mov", {"sound": "pcm_s16le", "channels": 1}),
    ],
)
def test_the_sound_stays_in_step(tmp_path: Path, ending: str, name: str, options: dict) -> None:
    source = film_with_sound(tmp_path / name, **options)
    seen, heard = seen_and_heard(source)
    made = restore_video("gif", source, tmp_path / f"out{ending}")
    assert made.frames == 50
    seen_then, heard_then = seen_and_heard(tmp_path / f"out{ending}")
    assert abs((heard_then - seen_then) - (heard - seen)) < 0.012, (heard - seen, heard_then - seen_then)


def all_seen_and_heard(path: Path) -> tuple[list[float], list[float]]:
    """When each white frame is shown after the first, and when each tone begins after the first."""
    shown = [float(frame.time) for frame in decode(path) if frame.pixels.mean() > 128]
    onsets, loud = [], False
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            peak = np.abs(frame.to_ndarray().astype(np.float64)).max(axis=0)
            if peak.max() > 0.2 and not loud:
                onsets.append(float(frame.pts * frame.time_base) + np.argmax(peak > 0.2) / frame.sample_rate)
            loud = bool(peak.max() > 0.2)
    return shown, onsets


@pytest.mark.parametrize("ending", [".mkv", ".webm"])
@pytest.mark.parametrize("kind", [".ts", ".mpg"])
def test_the_sound_of_joined_recordings_stays_in_step(tmp_path: Path, kind: str, ending: str) -> None:
    codecs = {".ts": {}, ".mpg": {"sound": "mp2", "video": "mpeg1video"}}[kind]
    part = film_with_sound(tmp_path / f"part{kind}", **codecs).read_bytes()
    later = b""
    if kind == ".ts":  # a clock that jumps ahead; of two program streams libav makes one
        later = film_with_sound(tmp_path / "later.ts", starts=Fraction(40), sound_starts=Fraction(40)).read_bytes()
    joined = tmp_path / f"joined{kind}"
    joined.write_bytes(part + part + later)
    parts = 3 if later else 2
    made = restore_video("gif", joined, tmp_path / f"out{ending}")
    seen, heard = all_seen_and_heard(tmp_path / f"out{ending}")
    assert (made.frames, len(seen), len(heard)) == (50 * parts, parts, parts)
    for flash, tone in zip(seen, heard, strict=True):
        assert abs((tone - heard[0]) - (flash - seen[0])) < 0.03, (seen, heard)


def test_packets_are_kept_where_the_container_holds_them_and_encoded_anew_where_not(tmp_path: Path) -> None:
    source = film_with_sound(tmp_path / "in.mp4")
    assert restore_video("gif", source, tmp_path / "a.mkv").notes == ()
    assert sound_kinds(tmp_path / "a.mkv") == ("aac",)
    made = restore_video("gif", source, tmp_path / "a.webm")
    assert made.notes == ("the sound was encoded anew, aac to opus: .webm does not hold it",)
    assert sound_kinds(tmp_path / "a.webm") == ("opus",)
    assert restore_video("gif", source, tmp_path / "b.mp4", audio="drop").notes == ()
    assert sound_kinds(tmp_path / "b.mp4") == ()
    assert restore_video("gif", source, tmp_path / "frames").notes == (
        "the sound is left out: a folder of PNGs holds none",
    )


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".webm", ".mov"])
def test_frames_keep_their_own_times(tmp_path: Path, ending: str) -> None:
    times = [Fraction(n, 1000) for n in (0, 40, 200, 233, 700)]
    source = uneven(tmp_path / "uneven.mkv", times)
    made = restore_video("gif", source, tmp_path / f"out{ending}")
    shown = list(decode(tmp_path / f"out{ending}"))
    assert made.frames == 5
    assert [frame.time for frame in shown] == times


@pytest.mark.parametrize("ending", [".webm", ".mkv"])
def test_a_hole_in_the_sound_is_silent_and_nothing_after_it_moves(tmp_path: Path, ending: str) -> None:
    whole, holed = film_with_sound(tmp_path / "whole.mkv"), tmp_path / "holed.mkv"

    def change(_: int, packet: av.Packet) -> av.Packet | None:
        return None if packet.stream.type == "audio" and 0.2 < packet.pts / 1000 < 0.8 else packet

    remuxed(whole, holed, change)
    seen, heard = seen_and_heard(holed)
    restore_video("gif", holed, tmp_path / f"out{ending}")
    seen_then, heard_then = seen_and_heard(tmp_path / f"out{ending}")
    assert abs((heard_then - seen_then) - (heard - seen)) < 0.012


@pytest.mark.parametrize("ending", [".webm", ".mkv"])
def test_a_stamp_hours_away_is_damage_and_no_hours_of_silence(tmp_path: Path, ending: str) -> None:
    whole, odd = film_with_sound(tmp_path / "whole.mkv"), tmp_path / "odd.mkv"

    def change(_: int, packet: av.Packet) -> av.Packet:
        if packet.stream.type == "audio" and packet.pts > 1900:
            packet.pts = packet.dts = packet.pts + 40_000_000
        return packet

    remuxed(whole, odd, change)
    restore_video("gif", odd, tmp_path / f"out{ending}")
    with av.open(str(tmp_path / f"out{ending}")) as made:
        assert made.duration < 3_000_000
    assert seen_and_heard(tmp_path / f"out{ending}")


def test_damaged_sound_is_told_and_costs_no_pictures(tmp_path: Path) -> None:
    whole, hurt = film_with_sound(tmp_path / "whole.mkv"), tmp_path / "hurt.mkv"

    def change(number: int, packet: av.Packet) -> av.Packet:
        damaged = packet.stream.type == "audio" and number % 3
        return with_data(packet, b"U" * packet.size) if damaged else packet

    remuxed(whole, hurt, change)
    made = restore_video("gif", hurt, tmp_path / "out.webm")
    assert made.frames == 50
    assert "damaged" in " ".join(made.notes) or "left out" in " ".join(made.notes)
    assert len(list(decode(tmp_path / "out.webm"))) == 50


def test_a_method_gets_frames_without_palettes_and_gray_gives_the_luminance(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", moving_picture(5, 48, 64))
    seen: list[NDArray[np.uint8]] = []

    class Look:
        needs_palettes = False

        def restore_frames(self, frames, palettes):
            assert [palette.shape for palette in palettes] == [(0, 3)] * len(frames)
            seen.extend(frames)
            return frames

    restore_video(load_instance(Look()), source, tmp_path / "a.mkv")
    decoded = np.stack([frame.pixels for frame in decode(source)])
    np.testing.assert_array_equal(np.stack(seen), decoded)
    seen.clear()
    restore_video(load_instance(Look()), source, tmp_path / "b.mkv", gray=True)
    light = np.rint(decoded @ [0.299, 0.587, 0.114])
    assert np.abs(np.stack(seen) - light[..., None]).max() <= 1
    assert (np.stack(seen) == np.stack(seen)[..., :1]).all()


def test_frames_between_are_drawn_of_a_video_too(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", moving_picture(4, 48, 64))
    assert restore_video("blend", source, tmp_path / "a.mkv", fps_factor=2).frames == 7


def test_a_method_that_needs_palettes_gets_one_clear_line(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", moving_picture(3, 48, 64))
    for method in ("palette-smooth", "gif2video:color=palette-smooth,time=blend"):
        with pytest.raises(UsageError, match=r"needs the palettes of a GIF: .*in.mp4 is a video"):
            restore_video(method, source, tmp_path / "a.mkv")
    result = invoke("restore", "palette-smooth", source)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert [each.name for each in tmp_path.iterdir()] == ["in.mp4"]


def test_a_file_that_is_no_video_is_not_called_one(tmp_path: Path) -> None:
    source = tmp_path / "list.txt"
    source.write_text("http://example.org/a.mp4\n")
    with pytest.raises(CorruptMedia, match="no video"):
        restore_video("palette-smooth", source, tmp_path / "a.mkv")


def test_the_command_takes_a_video_and_never_writes_over_it(tmp_path: Path) -> None:
    source = film_with_sound(tmp_path / "in.mp4")
    said = answer("restore", "gaussian-0.5", source, "--gray")
    assert (Path(said["file"]).name, said["frames"]) == ("in-restored.mp4", 50)
    assert sound_kinds(tmp_path / "in-restored.mp4") == ("aac",)
    for arguments in (["--audio", "loud"], ["--page", str(tmp_path / "page")], ["--salvage"]):
        assert invoke("restore", "gif", source, "a.mkv", *arguments).exit_code == 2
    with pytest.raises(UsageError, match="source itself"):
        restore_video("gif", source, source, overwrite=True)
    with pytest.raises(AlreadyExists):
        restore_video("gif", source, tmp_path / "in-restored.mp4")


def test_gray_of_a_gif_wants_a_method_without_palettes(tmp_path: Path) -> None:
    small_gif(3, 24, 32).write(tmp_path / "in.gif")
    restore_gif("gif", tmp_path / "in.gif", tmp_path / "a.mkv", gray=True)
    shown = next(decode(tmp_path / "a.mkv")).pixels
    light = np.rint(Gif.read(tmp_path / "in.gif").frame(0) @ [0.299, 0.587, 0.114])
    assert np.abs(shown - light[..., None]).max() <= 1
    with pytest.raises(UsageError, match="--gray gives frames without palettes"):
        restore_gif("palette-smooth", tmp_path / "in.gif", tmp_path / "b.mkv", gray=True)


def test_frames_are_found_whatever_the_order_and_few_are_held(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", moving_picture(30, 48, 64))
    decoded = [frame.pixels for frame in decode(source)]
    with Film(source) as film:
        film._most_kept = 4
        for number in (0, 1, 7, 3, 29, 28, 0, -1):
            np.testing.assert_array_equal(film.frame(number), decoded[number])
            assert len(film._kept) <= 4
        assert (len(film), film.width, film.height) == (30, 64, 48)
        with pytest.raises(IndexError):
            film.frame(30)


def test_turned_wide_and_changing_pictures_are_shown_as_they_should_be(tmp_path: Path) -> None:
    plain = write_video(tmp_path / "plain.mp4", moving_picture(5, 48, 64))
    ffmpeg("-display_rotation:v:0", 90, "-i", plain, "-c", "copy", tmp_path / "turned.mp4")
    ffmpeg("-i", plain, "-c", "copy", "-aspect", "8:3", tmp_path / "wide.mp4")
    other = write_video(tmp_path / "other.mp4", moving_picture(5, 64, 48))
    for number, path in enumerate((plain, other)):
        ffmpeg("-i", path, "-c", "copy", "-bsf:v", "h264_mp4toannexb", tmp_path / f"{number}.h264")
    (tmp_path / "both.h264").write_bytes((tmp_path / "0.h264").read_bytes() + (tmp_path / "1.h264").read_bytes())
    sizes = {
        "turned.mp4": (48, 64, 5, ""),
        "wide.mp4": (128, 48, 5, "made square"),
        "both.h264": (64, 48, 10, "scaled"),
    }
    for name, (width, height, frames, said) in sizes.items():
        made = restore_video("gif", tmp_path / name, tmp_path / f"{name}.mkv")
        assert (made.width, made.height, made.frames) == (width, height, frames)
        assert said in " ".join(made.notes)
        assert next(decode(tmp_path / f"{name}.mkv")).pixels.shape == (height, width, 3)


def one_frame(folder: Path) -> Path:
    return write_video(folder / "one.mp4", moving_picture(1, 48, 64))


def gray_file(folder: Path) -> Path:
    return pattern(folder / "gray.mkv", "-c:v", "ffv1", "-pix_fmt", "gray", size="32x24", frames=3)


@pytest.mark.parametrize(("make", "frames"), [(one_frame, 1), (gray_file, 3)])
def test_one_frame_and_a_gray_file_without_sound(tmp_path: Path, make, frames: int) -> None:
    for ending in (".mp4", ".webm", ".mkv", ".gif", ".webp"):
        assert restore_video("gaussian-0.5", make(tmp_path), tmp_path / f"out{ending}").frames == frames


def test_what_is_no_video_or_is_damaged_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    whole = film_with_sound(tmp_path / "whole.mp4")
    files = {"text.mp4": b"no video at all", "empty.mkv": b"", "cut.mp4": whole.read_bytes()[:-2000]}
    whole.unlink()
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(CorruptMedia):
            restore_video("gif", tmp_path / name, tmp_path / "out.mp4")
    with pytest.raises(GifbenchError):
        restore_video("gif", tmp_path / "missing.mp4", tmp_path / "out.mp4")
    assert {each.name for each in tmp_path.iterdir()} == set(files)


def test_a_method_that_fails_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    source = film_with_sound(tmp_path / "in.mp4")

    class Tired:
        needs_palettes = False

        def restore(self, gif, times):
            yield gif.frame(0)[None]
            raise ValueError("enough")

    with pytest.raises(GifbenchError, match="enough"):
        restore_video(load_instance(Tired()), source, tmp_path / "out.mp4")
    assert [each.name for each in tmp_path.iterdir()] == ["in.mp4"]


def test_what_was_made_of_wide_pixels_or_odd_sides_is_held_against_its_source(tmp_path: Path) -> None:
    from gifbench.evaluation.consistency_of_two_files import measure_consistency

    plain = write_video(tmp_path / "plain.mp4", moving_picture(4, 48, 64))
    ffmpeg("-i", plain, "-c", "copy", "-aspect", "8:3", tmp_path / "wide.mp4")
    odd = uneven(tmp_path / "odd.mkv", [Fraction(n, 25) for n in range(4)], height=25, width=33)
    for source in (tmp_path / "wide.mp4", odd):
        out = tmp_path / f"{source.stem}-out.mp4"
        restore_video("gaussian-0.5", source, out)
        measured = measure_consistency(out, source)
        assert measured.frames == 4
    stored = write_video(tmp_path / "stored.mkv", moving_picture(4, 48, 64), codec="ffv1", options={"level": "3"})
    assert measure_consistency(stored, tmp_path / "wide.mp4").frames == 4
