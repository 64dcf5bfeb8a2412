"""The public names: each has a place on the page of the reference, and takes a wrong type for what it is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gifbench
from gifbench.dataset import Dataset
from tests.conftest import moving_picture, write_video

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
NAMES = sorted(gifbench.__all__)
FUNCTIONS = [name for name in NAMES if inspect.isfunction(inspect.unwrap(getattr(gifbench, name)))]
NOT_DOCUMENTED_BY_PYTHON = {"TASKS", "Frames", "Pixels"}
"""Values and types, whose text stands below them in the source."""


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_has_a_docstring_a_place_and_an_example(name: str) -> None:
    value = getattr(gifbench, name)
    if name not in NOT_DOCUMENTED_BY_PYTHON:
        assert len((value.__doc__ or "").strip()) > 20
        assert value.__doc__ != dict.__doc__
    places = re.findall(r"^::: (gifbench\.[\w.]+)$", PAGE, re.MULTILINE)
    assert [place for place in places if place.rpartition(".")[2] == name], f"docs/api.md has no ::: of {name}"
    examples = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    assert re.search(rf"\b{name}\b", examples), f"docs/api.md has no example with {name}"


def test_the_page_describes_public_names_alone() -> None:
    places = re.findall(r"^::: (gifbench\.[\w.]+)$", PAGE, re.MULTILINE)
    assert sorted(place.rpartition(".")[2] for place in places) == NAMES


def test_public_methods_and_properties_of_classes_are_described() -> None:
    for name in NAMES:
        kind = getattr(gifbench, name)
        if inspect.isclass(kind) and kind.__module__.startswith("gifbench"):
            for member, value in vars(kind).items():
                shown = isinstance(value, property | classmethod | staticmethod) or inspect.isfunction(value)
                if shown and not member.startswith("_") and kind.__bases__ != (tuple,):
                    assert inspect.getdoc(getattr(kind, member)), f"{name}.{member}"


# The arguments of a call that would do its work, for every public function; classes are called by their names.
def valid(dataset: Dataset, video: Path, out: Path) -> dict[str, dict[str, Any]]:
    frame = np.zeros((8, 8, 3), np.uint8)
    flow = np.zeros((8, 8, 2), np.float32)
    gif = dataset[0].gif()
    return {
        "build_dataset": {"recipe": "gif-faces", "out": out / "ds", "videos": video.parent},
        "check_method": {"method": "gif"},
        "count_frames": {"path": video},
        "evaluate": {"methods": "gif", "dataset": dataset},
        "gaussian_blur": {"values": frame, "sigma": 1.0},
        "inconsistent": {"forward": flow, "backward": flow},
        "is_out_of_memory": {"error": ValueError()},
        "last_shown": {"gif_times": gif.times, "times": gif.times},
        "load_method": {"text": "gif"},
        "load_recipe": {"name": "gif-faces"},
        "load_results": {},
        "make_gif": {"frames": video, "out": out / "a.gif"},
        "nearest_shown": {"gif_times": gif.times, "times": gif.times},
        "open_dataset": {"url": dataset.url},
        "optical_flow": {"first": frame, "second": frame},
        "probe": {"path": video},
        "read_weights": {"path": out / "a.safetensors"},
        "resize": {"frame": frame, "width": 4, "height": 4, "filter": "area"},
        "restore_gif": {"method": "gif", "source": gif},
        "restore_video": {"method": "gif", "source": video, "out": out / "a.mkv"},
        "run_method": {"loaded": gifbench.load_method("gif"), "gif": gif, "times": gif.times, "clip": "it"},
        "save_weights": {"path": out / "a.safetensors", "network": _network(), "architecture": {}, "about": {}},
        "side_by_side": {"device": "cpu"},
        "train": {"config": "ccdnet-small", "dataset": dataset, "out": out / "run"},
        "warp": {"frame": frame, "flow": flow},
        "FrameDataset": {"clips": dataset},
        "TrainingRun": {"path": out},
        "Results": {},
        "Gif.read": {"source": gif.to_bytes()},
        "Gif.open": {"source": gif.to_bytes()},
        "Dataset.split": {"self": dataset, "name": "test"},
        "DatasetClip.gif": {"self": dataset[0]},
        "DatasetClip.gif_frames": {"self": dataset[0], "frames": [0]},
        "DatasetClip.truth_frames": {"self": dataset[0], "frames": [0]},
        "Gif.select": {"self": gif, "frames": [0]},
        "Gif.every": {"self": gif, "k": 2},
        "Gif.write": {"self": gif, "path": out / "b.gif"},
        "Clip.save": {"self": dataset[0].truth, "out": out / "b.mp4"},
        "Results.to_pandas": {"self": gifbench.Results()},
        "Results.plot": {"self": gifbench.Results()},
    }


def _network() -> Any:
    torch = pytest.importorskip("torch")
    return torch.nn.Linear(1, 1)


class Wrong:
    """Nothing that anything takes."""

    def __repr__(self) -> str:
        return "Wrong()"


@pytest.fixture(scope="module")
def calls(tiny_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    out = tmp_path_factory.mktemp("out")
    (out / "videos").mkdir()
    video = write_video(out / "videos" / "a.mp4", moving_picture(3, 32, 48))
    return valid(tiny_dataset, video, out)


def test_every_public_function_is_in_the_table(calls: dict[str, dict[str, Any]]) -> None:
    assert set(FUNCTIONS) <= calls.keys()


def test_a_wrong_type_anywhere_is_one_usage_error(calls: dict[str, dict[str, Any]]) -> None:
    """Each argument of each function in turn is something that cannot be; nothing is done before it is said."""
    seen, faults = 0, []
    for name, arguments in calls.items():
        function: Any = gifbench
        for part in name.split("."):
            function = getattr(function, part)
        for parameter in inspect.signature(function).parameters.values():
            for wrong in (Wrong(), 1j, [Wrong()], {1: Wrong()}):
                if parameter.name == "self" or (isinstance(wrong, dict) and "Mapping" in str(parameter.annotation)):
                    continue
                several = parameter.kind is parameter.VAR_POSITIONAL
                own = [arguments[key] for key in ("self",) if key in arguments]
                given = {key: value for key, value in arguments.items() if key != "self"}
                seen += 1
                try:
                    function(*own, wrong) if several else function(*own, **{**given, parameter.name: wrong})
                except gifbench.UsageError as error:
                    if "\n" in str(error) or len(str(error)) > 400:
                        faults.append(f"{name}, {parameter.name}={wrong}: {error}")
                except Exception as error:
                    faults.append(f"{name}, {parameter.name}={wrong}: {type(error).__name__} {error}")
                else:
                    faults.append(f"{name}, {parameter.name}={wrong}: taken")
    assert faults == []
    assert seen > 400


def test_names_that_are_not_public_are_not_there() -> None:
    for name in ("build_site", "score_submission", "export_task", "verify_dataset", "nearest_torch"):
        assert name not in gifbench.__all__
        with pytest.raises(AttributeError):
            getattr(gifbench, name)
