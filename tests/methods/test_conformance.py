"""The conformance test passes what keeps the contract and names what does not; a new method passes it at once."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gifbench.errors import AlreadyExists, UsageError
from gifbench.methods.conformance import check_method
from gifbench.methods.registry import load_instance, load_method_file
from gifbench.methods.template import new_method
from tests.cli.forked_command import ForkedProcess
from tests.conftest import answer, invoke


def broken(loaded) -> dict[str, str]:
    return {check.name: check.detail for check in check_method(loaded) if check.kept is False}


@pytest.mark.parametrize("method", ["gif", "gaussian-0.5", "gaussian:sigma=3"])
def test_what_keeps_the_contract_passes(method: str) -> None:
    checks = check_method(method)
    assert broken(method) == {}
    assert [check.name for check in checks][:2] == ["task plain-1", "task plain-2"]
    assert checks[-1].kept is None


class Fails:
    """Methods that break one promise each, named by it."""

    class OddSizes:
        def restore_frames(self, frames, palettes):
            if frames.shape[1] % 2:
                raise ValueError("cannot halve")
            return frames

    class OneFrame:
        def restore(self, gif, times):
            return np.stack([gif.frame(0) + 0 * gif.frame(1) for _ in times])

    class State:
        seen = 0

        def restore(self, gif, times):
            self.seen += 1
            return np.full((len(times), gif.height, gif.width, 3), min(255, 20 + self.seen), np.uint8)

    class Batch:
        def restore_frames(self, frames, palettes):
            return np.broadcast_to(frames.mean(axis=(0, 1, 2)), frames.shape)

    class Writes:
        def restore(self, gif, times):
            gif.palettes[0][:] = gif.palettes[0] // 2 + 40
            return np.repeat(gif.frames[:1], len(times), axis=0)

    class Few:
        def restore(self, gif, times):
            return np.stack([gif.frame(0)] * min(len(times), 64))

    class Nan:
        def restore_frames(self, frames, palettes):
            return frames * np.nan


@pytest.mark.parametrize(
    ("method", "promise", "said"),
    [
        (Fails.OddSizes, "odd sizes", "a GIF 47 wide and 33 high: it raised ValueError: cannot halve"),
        (Fails.OneFrame, "one frame", "a GIF of one frame: it raised"),
        (Fails.State, "same GIF, same frames", "keep no state"),
        (Fails.Batch, "any size of a batch", "other than in a batch"),
        (Fails.Writes, "nothing handed in is changed", "work on a copy"),
        (Fails.Few, "many frames", "64 frames, 70 were asked for"),
        (Fails.Nan, "task plain-1", "NaN"),
    ],
)
def test_what_breaks_a_promise_is_named(as_loaded, method, promise: str, said: str) -> None:
    found = broken(as_loaded(method()))
    assert said in found[promise]
    assert all("\n" not in detail for detail in found.values())
    if method not in (Fails.Nan, Fails.Writes):
        assert list(found) == [promise]


def test_only_the_tasks_that_it_does_are_asked_for(as_loaded) -> None:
    class Still:
        def restore(self, gif, times):
            assert len(times) == len(gif)
            return gif.frames

    loaded = as_loaded(Still(), tasks=("plain-1", "dithered-1"))
    assert broken(loaded) == {}
    assert [check.name for check in check_method(loaded)][:3] == ["task plain-1", "task dithered-1", "odd sizes"]


def test_the_command_says_what_is_kept_and_fails_where_it_is_not(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "class Mine:\n    def restore_frames(self, frames, palettes):\n        raise OSError\n"
    )
    result = invoke("methods", "check", f"{tmp_path}/mine.py:Mine")
    assert result.exit_code == 1
    assert "FAILED" in result.stdout
    assert result.stderr.endswith("Mine fails 16 of 17 checks\n")
    assert result.stderr.count("\n") == 1
    assert {each["kept"] for each in answer("methods", "check", "gif")} == {True, None}
    typo = invoke("methods", "check", "gausian-0.5")
    assert typo.exit_code == 1
    assert 'did you mean "gaussian-0.5"?' in typo.stderr


def run_pytest(*words: str) -> None:
    sys.path.insert(0, "")  # as of `python -m pytest`
    sys.exit(pytest.main(list(words)))


def test_a_new_method_works_and_its_test_passes(tmp_path: Path) -> None:
    paths = answer("methods", "new", "my-method", "--folder", tmp_path / "new")
    loaded = load_method_file(f"{paths['method']}:MyMethod")
    assert (loaded.name, loaded.licence, dict(loaded.options)) == ("my-method", "MIT", {"strength": 0.5, "near": 24.0})
    with contextlib.chdir(tmp_path / "new"):
        ran = ForkedProcess(run_pytest, "-q", "-p", "no:cacheprovider", Path(paths["test"]).name)
    assert ran.wait() == 0, ran.stdout
    assert "17 passed" in ran.stdout
    ruff = subprocess.run([sys.executable, "-m", "ruff", "check", "--isolated", "."], cwd=tmp_path, check=False)
    assert ruff.returncode == 0


def test_nothing_is_overwritten_by_a_new_method(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("mine")
    with pytest.raises(AlreadyExists, match=r"test_mine\.py"):
        new_method("mine", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["test_mine.py"]


@pytest.mark.parametrize("name", ["", "1st", "a/b", "../up", "a b", "<b>", "x" * 41, "ünï"])
def test_a_name_that_cannot_be_is_wrong_usage(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a method"):
        new_method(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_method_that_says_that_it_needs_no_palettes_is_given_a_video():
    class Liar:
        needs_palettes = False

        def restore_frames(self, frames, palettes):
            assert all(len(palette) for palette in palettes)
            return frames

    class Honest:
        needs_palettes = False

        def restore_frames(self, frames, palettes):
            return frames

    kept = {
        kind.__name__: {check.name: check.kept for check in check_method(load_instance(kind()))}
        for kind in (Liar, Honest)
    }
    assert kept["Liar"]["a video, without palettes"] is False
    assert kept["Honest"]["a video, without palettes"] is True
    assert "a video, without palettes" not in {check.name for check in check_method("palette-smooth")}
