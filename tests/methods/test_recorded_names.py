"""A name in somebody's file loads installed methods with plain options, and nothing else."""

from __future__ import annotations

import pytest

from gifbench.errors import MethodError, UsageError
from gifbench.methods.registry import load_method, load_recorded_method

EVIL = """
from pathlib import Path
Path("{mark}").write_text("it ran")

class Evil:
    def restore_frames(self, frames, palettes):
        return frames
"""


@pytest.mark.parametrize("name", ["gif", "gaussian-0.5", "gaussian:sigma=0.7", "gif:show=nearest", "palette-smooth"])
def test_what_is_installed_is_loaded(name) -> None:
    assert load_recorded_method(name) == load_method(name)


def test_a_method_within_a_method_is_loaded_by_the_same_rule() -> None:
    assert (
        load_recorded_method("gif2video:color=gaussian:sigma=0.7,time=dis").name
        == "gif2video:color=gaussian:sigma=0.7,time=dis"
    )


@pytest.mark.parametrize(
    "text",
    [
        "{evil}",
        "{evil}:Evil",
        "stable:[{evil}:Evil]",
        "stable:{evil}:Evil",
        "stable:stable:[{evil}:Evil]",
        "gif2video:color={evil}:Evil,time=dis",
        "gif2video:color=[{evil}:Evil],time=dis",
        "./evil.py:Evil",
        "evil.PY:Evil",
        "~/evil.py",
        "file:///evil.py:Evil",
        "LABEL=evil.py:Evil",
        "runs/1",
        "weights.safetensors",
    ],
)
def test_code_in_a_file_is_never_run(text, tmp_path, monkeypatch) -> None:
    mark = tmp_path / "mark"
    evil = tmp_path / "evil.py"
    evil.write_text(EVIL.format(mark=mark))
    monkeypatch.chdir(tmp_path)
    with pytest.raises((MethodError, UsageError)) as raised:
        load_recorded_method(text.format(evil=evil))
    assert not mark.exists()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "pix2pix:weights={place}",
        "ccdnet:weights={place}",
        "stable:[gif],weights={place}",
        "stable:[ccdnet:weights={place}]",
        "gif2video:color=[pix2pix:weights={place}],time=dis",
        "superslomo:weights={place}",
    ],
)
@pytest.mark.parametrize("place", ["http://127.0.0.1:9/w.safetensors", "../w.safetensors", "w", "//host/share/w"])
def test_a_path_or_url_is_never_followed(text, place, monkeypatch) -> None:
    import gifbench.training.weights_download as download

    monkeypatch.setattr(download, "download_weights", lambda *args, **kwargs: pytest.fail("it fetched"), raising=False)
    with pytest.raises(MethodError, match="not taken from a file"):
        load_recorded_method(text.format(place=place))


def test_methods_within_methods_have_an_end() -> None:
    with pytest.raises((MethodError, UsageError), match="deep"):
        load_recorded_method("stable:" * 40 + "gif")
