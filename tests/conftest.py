"""What every test shares: the real media, where they are at hand, and small videos and datasets made on the spot."""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
from collections.abc import Generator, Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import gifbench_baselines
import numpy as np
import pytest
import typer.testing
from numpy.typing import NDArray

import gifbench
from gifbench import method_source_hash as followed
from gifbench.builder.build_loop import run_build
from gifbench.builder.recipe import Recipe, load_recipe
from gifbench.dataset import Dataset
from gifbench.manifest.rows import from_folder
from gifbench.media.video import LosslessCodec, LosslessWriter
from gifbench.methods import method_from_class, method_state_hash
from gifbench.metrics import registry as metrics
from tests.leaderboard.chromium import Chromium

# Every core has a worker of the tests, and a thread that waits for another one does not spin. Before torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# What asks for as many processes as there are cores works in its own; tests of several say how many.
os.environ.setdefault("LOKY_MAX_CPU_COUNT", "1")
# Started in the background by a script, tests inherit that SIGINT is ignored, and so would the commands they interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What collecting makes stays to the end: the collector of garbage need not look through it again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Nor afterwards; and it comes by after 5000 new objects, not 700 as elsewhere."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5000, 10, 10)


@pytest.fixture(scope="session", autouse=True)
def known_commands() -> Iterator[None]:
    """The tree of commands is made of an app's functions once, as in a process of the command, not for every line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.testing, "_get_command", cache(typer.testing._get_command))
        yield


@pytest.fixture(scope="session", autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Logs of runs go to a folder of the tests, not to the user's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session", autouse=True)
def known_code() -> Iterator[None]:
    """The code of what comes along is searched once in a process of the tests, which do not change it.

    Each time that a method is loaded, all that it imports is parsed and hashed: most of what loading costs.
    """
    homes = [Path(each.__file__).resolve().parent for each in (gifbench, gifbench_baselines)]
    found = cache(followed.source_code)

    def source_code(file: str | None, *, name: str | None = None) -> followed.SourceCode:
        known = file is not None and any(Path(file).resolve().is_relative_to(home) for home in homes)
        return (found if known else followed.source_code)(file, name=name)

    with pytest.MonkeyPatch.context() as patch:
        for module in (method_from_class, metrics, method_state_hash):
            patch.setattr(module, "source_code", source_code)
        yield


def taken_for_synced(descriptor: int) -> None:
    """Instead of `os.fsync`: what a killed process wrote is there all the same, and a disk takes milliseconds."""
    os.fstat(descriptor)


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk() -> Iterator[None]:
    """No test turns the power off; tests/storage/test_atomic_write.py has it that each file is synced, and when."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", taken_for_synced)
        yield


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder with `clips/` and `lists/`, from GIFBENCH_TEST_DATA.

    Where the variable is not set the test is skipped; where it is set, as in CI, missing files are a failure.
    """
    folder = os.environ.get("GIFBENCH_TEST_DATA")
    if not folder:
        pytest.skip("GIFBENCH_TEST_DATA is not set: the folder that holds clips/ and lists/")
    path = Path(folder).resolve()
    assert (path / "clips" / "SOURCES.csv").is_file(), f"GIFBENCH_TEST_DATA={folder} holds no clips/SOURCES.csv"
    return path


@pytest.fixture(scope="session")
def clips(test_data: Path) -> Path:
    """The folder of real videos and GIFs: `faces/`, `moments/`, `gifs/`."""
    return test_data / "clips"


@pytest.fixture(scope="session")
def running_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """One for all tests of a process: it takes a second to start."""
    with Chromium(tmp_path_factory.mktemp("chromium") / "profile") as browser:
        yield browser


@pytest.fixture
def browser(running_browser: Chromium) -> Chromium:
    """A headless Chromium with an empty page, that has said nothing yet."""
    running_browser.look(width=1280)
    running_browser.open("about:blank")
    running_browser.events.clear()
    return running_browser


def invoke(*words: object) -> typer.testing.Result:
    """Run `gifbench` with these words in this process."""
    from gifbench.cli.app import app  # not by who imports this file: tests/cli/one_process.py adds commands before

    return typer.testing.CliRunner().invoke(app, [str(word) for word in words])


def succeed(*words: object) -> typer.testing.Result:
    """As `invoke`; the command must end with 0."""
    result = invoke(*words)
    assert result.exit_code == 0, result.output
    return result


def answer(*words: object) -> Any:
    """What `--json` prints; stdout must hold nothing else."""
    return json.loads(succeed(*words, "--json").stdout)


def moving_picture(num_frames: int, height: int, width: int, *, seed: int = 0) -> NDArray[np.uint8]:
    """A smooth picture with a moving ball and a little noise: RGB uint8, (T, H, W, 3)."""
    noise = np.random.default_rng(seed).integers(0, 6, (num_frames, height, width, 3))
    y, x = np.mgrid[0:height, 0:width]
    frames = np.empty((num_frames, height, width, 3), np.uint8)
    for t in range(num_frames):
        ball = (x - (10 + 3 * t + 7 * seed) % width) ** 2 + (y - height / 2) ** 2 < (height / 6) ** 2
        sky = np.stack([x * 200 / width, y * 200 / height, (x + y + 40 * seed) * 120 / (width + height)], -1)
        frames[t] = np.where(ball[..., None], [220, 60, 30], sky) + noise[t]
    return frames


def write_video(
    path: Path,
    frames: NDArray[np.uint8],
    *,
    fps: Fraction = Fraction(25),
    codec: str = "libx264",
    options: dict[str, str] | None = None,
) -> Path:
    """Encode RGB frames as a small video; returns its path."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options=options or {"preset": "ultrafast", "crf": "18"})
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


def write_lossless(
    path: Path, frames: NDArray[np.uint8], *, fps: Fraction = Fraction(25), codec: LosslessCodec = "ffv1"
) -> Path:
    """Write RGB frames as the lossless truth is written; returns the path."""
    with LosslessWriter(path, width=frames.shape[2], height=frames.shape[1], frame_rate=fps, codec=codec) as writer:
        for frame in frames:
            writer.add(frame)
    return path


TINY_RECIPE = '''
from gifbench.builder import Geometry, Recipe, Rejected, SourceVideo


class Tiny(Recipe):
    """Videos as they are, if they are not too narrow."""

    name = "tiny"
    title = "Tiny"
    min_width: int = 40
    clips_per_shard: int = 2
    min_frames: int = 3

    def geometry(self, video: SourceVideo) -> Geometry:
        if video.info.width < self.min_width:
            raise Rejected("too_small", value=f"{video.info.width} pixels wide", limit=f"at least {self.min_width}")
        return Geometry(crop=None, width=video.info.width // 2, height=video.info.height // 2, filter="area")
'''


@pytest.fixture(scope="session")
def tiny_recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe file that keeps nearly everything and is fast."""
    path = tmp_path_factory.mktemp("recipe") / "tiny.py"
    path.write_text(TINY_RECIPE)
    return path


@pytest.fixture(scope="session")
def tiny_videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of five videos: three good ones, one too narrow, one too short."""
    folder = tmp_path_factory.mktemp("videos")
    for i, name in enumerate(("ant", "bee", "cat")):
        write_video(folder / f"{name}.mp4", moving_picture(6 + i, 48, 64, seed=i))
    write_video(folder / "narrow.mp4", moving_picture(6, 48, 32))
    write_video(folder / "short.mp4", moving_picture(2, 48, 64))
    return folder


@pytest.fixture(scope="session")
def tiny_dataset(tiny_recipe: Path, tiny_videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The dataset built from `tiny_videos`; not to be changed."""
    out = tmp_path_factory.mktemp("dataset") / "tiny"
    return run_build(load_recipe(str(tiny_recipe)), from_folder(tiny_videos), str(out), sources=tiny_videos, workers=1)


@pytest.fixture
def copy(tiny_dataset: Dataset, tmp_path: Path) -> Path:
    """A copy of it, for this test to change."""
    return Path(shutil.copytree(tiny_dataset.url, tmp_path / "copy"))


@pytest.fixture
def recipe(tiny_recipe: Path) -> Recipe:
    """The recipe of `tiny_recipe`."""
    return load_recipe(str(tiny_recipe))


@pytest.fixture(scope="session")
def dataset(tiny_recipe: Path, tiny_videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The same three clips of 6 to 8 frames of 32×24, all for training; not to be changed."""
    out = tmp_path_factory.mktemp("training") / "tiny"
    manifest = from_folder(tiny_videos, split="train")
    return run_build(load_recipe(str(tiny_recipe)), manifest, str(out), sources=tiny_videos, workers=1)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch on one thread, so that sums come in one order, and seeded."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)
