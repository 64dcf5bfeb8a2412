"""`gifbench restore`: any GIF in, its video out, with the GIF's own timing and whatever a method may do wrong."""

from __future__ import annotations

import io
import json
import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gifbench.errors import AlreadyExists, CorruptMedia, MethodFailed, NotFound, UsageError
from gifbench.file_restoration import restore_gif, restored_timing
from gifbench.media.gif import Gif
from gifbench.media.video import decode
from tests.conftest import answer, invoke, moving_picture, succeed
from tests.evaluation.conftest import loaded

DELAYS = (40, 100, 20, 250)


@pytest.fixture
def wild(tmp_path: Path) -> Path:
    """A GIF as Pillow writes it, with uneven delays."""
    path = tmp_path / "wild.gif"
    first, *rest = (Image.fromarray(frame).quantize(16) for frame in moving_picture(4, 24, 35))
    first.save(path, save_all=True, append_images=rest, duration=DELAYS, loop=0)
    return path


def test_the_gifs_own_timing_is_kept_to_the_frame(wild: Path, tmp_path: Path) -> None:
    made = restore_gif("gif", wild, tmp_path / "out.mkv")
    gif, shown = Gif.read(wild), list(decode(tmp_path / "out.mkv"))
    assert (made.gif_frames, made.frames, made.width, made.height, made.seconds) == (4, 4, 35, 24, 0.41)
    assert [frame.time for frame in shown] == list(gif.times)
    assert [1000 * frame.duration for frame in shown] == list(DELAYS)
    np.testing.assert_array_equal(np.stack([frame.pixels for frame in shown]), gif.frames)


def test_a_factor_puts_times_evenly_between_the_gifs_frames(wild: Path) -> None:
    timing = restored_timing(Gif.read(wild), 2)
    assert [1000 * time for time in timing.times] == [0, 20, 40, 90, 140, 150, 160]
    assert timing.duration == Fraction(41, 100)


def test_a_method_in_a_file_interpolates_between_the_frames(wild: Path, tmp_path: Path) -> None:
    (tmp_path / "count.py").write_text(
        "import numpy as np\nclass Count:\n    def restore(self, gif, times):\n"
        "        for i in range(len(times)):\n            yield np.full((1, gif.height, gif.width, 3), i + 20.4)\n"
    )
    arguments = ["restore", f"{tmp_path}/count.py:Count", str(wild), str(tmp_path / "out.mkv")]
    assert answer(*arguments, "--fps-factor", "3")["frames"] == 10
    shown = list(decode(tmp_path / "out.mkv"))
    assert [int(frame.pixels[0, 0, 0]) for frame in shown] == list(range(20, 30))
    again = invoke(*arguments)
    assert (again.exit_code, again.stderr.count("\n")) == (1, 1)


@pytest.mark.parametrize("name", ["out.mp4", "out.webp", "out.gif", "out"])
def test_every_kind_of_output_is_written_by_the_command(wild: Path, tmp_path: Path, name: str) -> None:
    result = succeed("restore", "gaussian-0.5", wild, tmp_path / name)
    assert "4 frames in, 4 out, 35×24, 0.41 s, by gaussian-0.5" in result.stdout


@pytest.mark.parametrize("name", ["out.mp4", "out.gif"])
def test_a_folder_that_is_not_there_is_named(wild: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(NotFound, match=f"^{tmp_path}/missing: it is not there$"):
        restore_gif("gif", wild, tmp_path / "missing" / name)


def test_a_gif_of_one_frame_and_one_pixel(tmp_path: Path) -> None:
    still = io.BytesIO()
    Image.new("RGB", (1, 1), (200, 10, 10)).save(still, "GIF")
    (tmp_path / "still.gif").write_bytes(still.getvalue())
    assert restore_gif("gaussian-1.0", tmp_path / "still.gif", tmp_path / "a.mkv", fps_factor=4).frames == 1


@pytest.mark.parametrize("factor", [0, -1, 17])
def test_a_factor_that_cannot_be_is_said(wild: Path, tmp_path: Path, factor: int) -> None:
    with pytest.raises(UsageError, match="1 to 16"):
        restore_gif("gif", wild, tmp_path / "a.mkv", fps_factor=factor)


def test_what_fails_leaves_nothing_behind(wild: Path, tmp_path: Path) -> None:
    class Short:
        def restore(self, gif, times):
            yield gif.frames[:1]

    for name in ("a.mp4", "a.gif", "frames"):
        with pytest.raises(MethodFailed, match="1 frames, 4 were asked for"):
            restore_gif(loaded(Short()), wild, tmp_path / name)
    with pytest.raises(AlreadyExists):
        restore_gif("gif", wild, wild)
    (tmp_path / "no.gif").write_bytes(b"GIF89a")
    with pytest.raises(CorruptMedia):
        restore_gif("gif", tmp_path / "no.gif", tmp_path / "a.mp4")
    assert {path.name for path in tmp_path.iterdir()} == {"wild.gif", "no.gif"}


def test_batches_halved_for_want_of_memory_are_said(wild: Path, tmp_path: Path) -> None:
    (tmp_path / "hungry.py").write_text(
        "class Hungry:\n"
        "    def restore_frames(self, frames, palettes):\n"
        "        if len(frames) > 2:\n"
        "            raise MemoryError\n"
        "        return frames\n"
    )
    told = invoke("restore", f"{tmp_path}/hungry.py:Hungry", wild, f"{tmp_path}/a.mkv", "--json")
    assert json.loads(told.stdout)["notes"] == ["memory ran out: batches were halved to 2 frames of 35×24"]
    assert "wild.gif: memory ran out: batches were halved to 2 frames of 35×24" in told.stderr
    assert restore_gif("gif", wild, tmp_path / "b.mkv").notes == ()


def test_the_gif_alone_is_enough(wild: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gifbench.cli import restore as command

    monkeypatch.setattr(command, "DEFAULT_METHOD", "gif")
    result = succeed("restore", wild)
    assert (tmp_path / "wild.mp4").exists() and "by gif" in result.stdout
    for arguments in ([wild, tmp_path / "a.mkv"], ["gif", wild]):
        succeed("restore", *arguments, "--overwrite")
    assert (tmp_path / "a.mkv").exists()
    assert invoke("restore", "gif", wild, "b.mkv", "c").exit_code == 2


@pytest.mark.parametrize("ending", [".webm", ".mov"])
def test_videos_of_other_kinds_keep_the_timing(wild: Path, tmp_path: Path, ending: str) -> None:
    restore_gif("gif", wild, tmp_path / f"out{ending}")
    shown = list(decode(tmp_path / f"out{ending}"))
    assert [frame.time for frame in shown] == list(Gif.read(wild).times)
    difference = np.stack([f.pixels[:24, :35] for f in shown]).astype(int) - Gif.read(wild).frames
    assert np.sqrt(np.mean(difference**2)) < 12  # lossy, and colors at half the resolution


def test_a_gif_that_breaks_off_is_restored_as_far_as_it_goes_and_that_is_said(wild: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gif"
    cut.write_bytes(wild.read_bytes()[:-300])
    result = succeed("restore", "gif", cut, tmp_path / "a.mkv")
    assert "cut.gif: the file ends at byte" in result.stderr


def test_limits_and_salvage_are_options_named_in_the_advice(tmp_path: Path) -> None:
    from tests.media.gif_kinds import control, descriptor, header, solid

    bad = control() + descriptor(0, 0, 4, 4) + b"\x02\x01\x3f\x00"
    (tmp_path / "bad.gif").write_bytes(header() + control() + solid(0) + bad + control(transparent=1) + solid(2) + b";")
    arguments = ["restore", "gif", str(tmp_path / "bad.gif"), str(tmp_path / "a.mkv")]
    refused = invoke(*arguments)
    assert refused.exit_code == 1 and "--salvage reads the 2 frames before that" in refused.stderr
    taken = invoke(*arguments, "--salvage")
    assert taken.exit_code == 0 and "2 frames in, 2 out" in taken.stdout
    refused = invoke(*arguments, "--salvage", "--max-pixels", "15")
    assert refused.exit_code == 1 and "raise --max-pixels" in refused.stderr and "GifLimits" not in refused.stderr


def test_more_frames_are_refused_of_a_method_that_would_repeat_them(wild: Path, tmp_path: Path) -> None:
    for method in ("gif", "gaussian-0.5"):
        arguments = ["restore", method, str(wild), str(tmp_path / "a.mkv"), "--fps-factor", "2"]
        refused = invoke(*arguments)
        assert refused.exit_code == 2 and f"--fps-factor must be 1 for method {method}" in refused.stderr
    assert restore_gif("blend", wild, tmp_path / "a.mkv", fps_factor=2).frames == 7


@pytest.mark.parametrize(
    ("has", "precision"),
    [
        ({"avx2": True, "avx512_f": True, "avx512_bf16": True}, "bf16"),
        ({"amx_bf16": True}, "bf16"),
        ({"avx2": True, "avx512_f": False}, "winograd"),
        ({"avx2": True, "avx512_f": True}, "fp32"),
        ({}, "fp32"),
    ],
)
def test_a_method_gets_the_precision_that_the_processor_is_fast_in(
    has: dict[str, bool], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from gifbench.methods.fastest_cpu_precision import faster_on_cpu
    from gifbench.methods.registry import load_method

    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has, raising=False)
    for name in ("ccdnet-plain", "ccdnet-plain:tile=256"):
        assert faster_on_cpu(name, "cpu").options["precision"] == precision
        assert faster_on_cpu(load_method(name), "cpu").options["precision"] == precision
        labelled = faster_on_cpu(f"mine={name}", "cpu")
        assert (labelled.name, labelled.options["precision"]) == ("mine", precision)
    for name in ("gaussian-0.5", "ccdnet-plain:precision=fp32"):
        assert faster_on_cpu(loaded := load_method(name), "cpu") is loaded
    for name in ("stable:gif", "stable:gaussian:sigma=0.7"):
        steadied = faster_on_cpu(name, "cpu")
        assert steadied.options["precision"] == ("bf16" if precision == "bf16" else "fp32"), "which offers no winograd"


def test_threads_wait_without_spinning_unless_the_user_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, expected in ((None, "PASSIVE"), ("ACTIVE", "ACTIVE")):
        monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
        if given:
            monkeypatch.setenv("OMP_WAIT_POLICY", given)
        succeed("tasks")
        assert os.environ["OMP_WAIT_POLICY"] == expected
    monkeypatch.delenv("OMP_WAIT_POLICY")
