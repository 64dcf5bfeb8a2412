"""`gifbench consistency`: any two videos, or a GIF and its video; what does not fit is one clear message."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import answer, invoke, moving_picture, succeed, write_video


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film, a flickering copy, a shorter and a smaller one, a still, and GIFs of the film."""
    folder = tmp_path_factory.mktemp("videos")
    frames = moving_picture(8, 64, 80)
    flicker = np.clip(frames.astype(int) + 30 * (np.arange(8) % 2)[:, None, None, None], 0, 255).astype(np.uint8)
    for name, video in (("film", frames), ("flicker", flicker), ("short", frames[:6]), ("still", frames[:1])):
        write_video(folder / f"{name}.mp4", video)
    write_video(folder / "small.mp4", moving_picture(8, 48, 64))
    for name, options in (("plain", ["--no-dither"]), ("sparse", ["--every", "2"])):
        succeed("make", folder / "film.mp4", folder / f"{name}.gif", *options)
    return folder


def measured(processed: Path, source: Path, *options: object) -> dict[str, float]:
    return dict(answer("consistency", processed, "--source", source, *options))


def test_a_video_is_as_steady_as_itself(place: Path) -> None:
    found = measured(place / "film.mp4", place / "film.mp4")
    assert found["e_warp"] == found["source_e_warp"] > 0
    assert (found["tof"], found["frames"], found["pairs"]) == (0, 8, 7)


def test_flicker_is_measured_beside_the_source(place: Path) -> None:
    found = measured(place / "flicker.mp4", place / "film.mp4")
    assert found["e_warp"] > 10 * found["source_e_warp"]
    text = invoke("consistency", place / "flicker.mp4", "--source", place / "film.mp4").stdout
    assert text.count("E_warp") == 3
    assert "tOF" in text and "8 frames" in text


def test_a_gif_is_measured_as_a_player_shows_it(place: Path) -> None:
    plain = measured(place / "plain.gif", place / "film.mp4")
    assert plain["e_warp"] > plain["source_e_warp"]
    assert measured(place / "sparse.gif", place / "film.mp4")["frames"] == 8
    assert measured(place / "plain.gif", place / "plain.gif")["tof"] == 0


def test_the_first_frames_only(place: Path) -> None:
    assert measured(place / "short.mp4", place / "film.mp4", "--frames", 5)["frames"] == 5


@pytest.mark.parametrize(
    ("processed", "source", "code", "says"),
    [
        ("short.mp4", "film.mp4", 1, "it has 6 frames, and"),
        ("film.mp4", "short.mp4", 1, "it has 7 frames or more"),
        ("small.mp4", "film.mp4", 1, "its frames are 64×48"),
        ("still.mp4", "still.mp4", 1, "it has only 1"),
        ("gone.mp4", "film.mp4", 1, "gone.mp4"),
        ("film.mp4", "gone.mp4", 1, "gone.mp4"),
    ],
)
def test_what_does_not_fit_is_one_clear_message(place: Path, processed: str, source: str, code: int, says: str) -> None:
    result = invoke("consistency", place / processed, "--source", place / source, "--json")
    assert result.exit_code == code, result.output
    assert says in json.loads(result.stdout)["error"]["message"]
    assert "Traceback" not in result.output


def test_it_says_by_which_flow(place: Path) -> None:
    assert measured(place / "flicker.mp4", place / "film.mp4")["flow"] == "OpenCV DIS"
    assert "flow: OpenCV DIS" in invoke("consistency", place / "film.mp4", "--source", place / "film.mp4").stdout


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--flow", "raff"], 2, 'did you mean "raft"'),
        (["--flow", "raft"], 2, "name it by --flow-weights"),
        (["--flow-weights", "x.pth"], 2, "give --flow raft, too"),
        (["--flow", "raft", "--flow-weights", "gone.pth"], 1, "there is no such file of weights"),
        (["--flow", "raft", "--flow-weights", "film.mp4"], 1, "no file of weights, or damaged"),
    ],
)
def test_raft_needs_its_weights(
    place: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], code: int, says: str
) -> None:
    pytest.importorskip("torch")
    monkeypatch.chdir(place)
    result = invoke("consistency", "film.mp4", "--source", "film.mp4", "--json", *options)
    error = json.loads(result.stdout)["error"]["message"] if result.stdout else result.stderr
    assert (result.exit_code, says in error) == (code, True), result.output


def test_without_torchvision_it_says_which_extra_brings_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    torch.save({"some.weight": torch.zeros(2)}, place / "raft.pth")
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    options = ["--flow", "raft", "--flow-weights", place / "raft.pth", "--json"]
    result = invoke("consistency", place / "film.mp4", "--source", place / "film.mp4", *options)
    assert result.exit_code == 1
    assert 'pip install "gifbench[raft]"' in json.loads(result.stdout)["error"]["message"]


def test_raft_measures_where_torchvision_is(place: Path) -> None:
    torch = pytest.importorskip("torch")
    models = pytest.importorskip("torchvision.models.optical_flow")
    torch.save(models.raft_small(weights=None).state_dict(), place / "small.pth")
    found = measured(
        place / "film.mp4", place / "film.mp4", "--flow", "raft", "--flow-weights", place / "small.pth", "--frames", 2
    )
    assert (found["flow"], found["tof"]) == ("RAFT small", 0)
