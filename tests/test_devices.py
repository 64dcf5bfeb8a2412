"""Every torch path on an accelerator that is not the CPU: no mixed devices, the CPU's results, few copies."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gifbench.dataset import Dataset  # noqa: E402
from gifbench.devices import (  # noqa: E402
    accelerator,
    check_device,
    check_devices,
    choose_device,
    device_model,
    free_memory,
    is_out_of_memory,
    side_by_side,
    synchronize,
)
from gifbench.errors import UsageError  # noqa: E402
from gifbench.evaluation.evaluate import evaluate  # noqa: E402
from gifbench.leaderboard.reproduce_paper_tables import reproduce  # noqa: E402
from gifbench.media.gif import Gif  # noqa: E402
from gifbench.methods.conformance import small_gif  # noqa: E402
from gifbench.methods.inference import on_device, run_method  # noqa: E402
from gifbench.methods.registry import load_method  # noqa: E402
from gifbench.methods.smaller_batches_after_out_of_memory import Batching  # noqa: E402
from tests.conftest import invoke  # noqa: E402
from tests.pretend_device import KIND, MixedDevices, Pretend, pretend_device  # noqa: E402


@pytest.fixture
def one_size_of_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many frames at once on either device: other sizes round differently, on one device too."""
    monkeypatch.setattr("gifbench_baselines.half_precision_and_winograd._PIXELS_OF_A_CPU", 1 << 30)
    monkeypatch.setattr("gifbench_baselines.ccdnet.plain_or_dithered_choice._AT_ONCE", 1)
    monkeypatch.setattr("gifbench_baselines.superslomo.method._AT_ONCE_ON_CPU", 1 << 22)


@pytest.fixture
def pretend():
    with pretend_device() as device:
        yield device


def test_the_pretend_device_holds_values_counts_copies_and_mixes_with_nothing(pretend: Pretend) -> None:
    there = torch.tensor([[1.0, 2.0]], device=KIND)
    assert str(there.device) == "pretend:0" and (pretend.to_device, pretend.to_host) == (1, 0)
    assert torch.equal((there * 3).cpu(), torch.tensor([[3.0, 6.0]])) and pretend.to_host == 1
    with pytest.raises(MixedDevices, match="same device"):
        there + torch.ones(1, 2)
    with pytest.raises(TypeError, match="numpy"):
        np.asarray(there)
    assert torch.zeros(3, device=there.device).device == there.device


def test_an_accelerator_is_found_chosen_and_named(pretend: Pretend) -> None:
    assert accelerator() == KIND
    assert [choose_device(each) for each in ("auto", "cpu", KIND, f"{KIND}:0")] == [KIND, "cpu", KIND, f"{KIND}:0"]
    assert (device_model(KIND), device_model("cpu")) == ("pretend: Pretend 1", "cpu")
    with pytest.raises(UsageError, match="torch sees 1 here"):
        choose_device(f"{KIND}:1")
    with pytest.raises(UsageError, match="torch has pretend here"):
        choose_device("cuda")
    synchronize(KIND)
    free_memory(KIND)
    assert side_by_side(KIND)(lambda: 1, lambda: 2) == (1, 2) and pretend.streams == 1


def test_without_an_accelerator_it_is_said() -> None:
    if accelerator() is not None:
        pytest.skip("an accelerator is here")
    assert choose_device("auto") == "cpu"
    for device in ("cuda", "mps", "xpu:1"):
        with pytest.raises(UsageError, match="torch sees no GPU here; use --device cpu or auto"):
            choose_device(device)
    for wrong in ("gpu!", "", "cuda:x", "cuda:1234", "CUDA", "tpu", "gpu", "meta", "cuda,cpu"):
        with pytest.raises(UsageError, match="there is no device"):
            check_device(wrong)
    assert check_devices("cuda:0,cuda:1") == "cuda:0,cuda:1"
    assert side_by_side("cpu")(lambda: 1, lambda: 2) == (1, 2)


@pytest.mark.parametrize(
    ("error", "ran_out"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
            True,
        ),
        (RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"), True),
        (RuntimeError("shapes differ"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_running_out_of_memory_is_told_from_other_faults(error: Exception, ran_out: bool) -> None:
    assert is_out_of_memory(error) is ran_out


def test_every_command_refuses_what_is_no_device_before_it_works(tiny_dataset: Dataset, tmp_path: Path) -> None:
    gif, results, data = tmp_path / "a.gif", tmp_path / "results", tiny_dataset.url
    gif.write_bytes(tiny_dataset["ant"].read("plain"))
    evaluate("gif", tiny_dataset, "plain-1", out=results)
    for words in (
        ("methods", "check", "gaussian"),
        ("evaluate", "gaussian", "--data", data, "--task", "plain-1", "--out", tmp_path / "out"),
        ("restore", "gaussian", gif, tmp_path / "out.mkv"),
        ("leaderboard", results, "--out", tmp_path / "out"),
        ("study", "make", data, "gif", "gaussian", "--out", tmp_path / "out"),
        ("train", "ccdnet-small", "--data", data, "--out", tmp_path / "out"),
    ):
        said = invoke(*words, "--device", "tpu")
        assert (said.exit_code, said.stderr.count("\n")) == (2, 1), (words, said.output)
        assert 'there is no device "tpu": device must be auto, cpu, or an accelerator' in said.stderr
    assert not list(tmp_path.glob("out*"))
    with pytest.raises(UsageError, match="there is no device"):
        reproduce([], tiny_dataset, out=results, device="tpu")


def frames_of(name: str, gif: Gif, device: str, *, every: int = 1) -> np.ndarray[Any, Any]:
    loaded = load_method(name)
    times = [Fraction(i, 25 * every) for i in range((len(gif.times) - 1) * every + 1)]
    chosen = on_device(loaded, device)
    return np.concatenate(list(run_method(loaded, gif, times, clip="the GIF", device=chosen)))


COLOR = [
    "ccdnet",
    "ccdnet-plain",
    "ccdnet-dithered",
    "ccdnet-plain:precision=bf16",
    "stable:[gif]",
    "stable:[ccdnet-plain]",
]
TIME = ["superslomo", "gif2video:color=[ccdnet-plain]", "gif2video:flow=restored"]


@pytest.mark.parametrize("name", COLOR)
def test_color_methods_give_the_cpus_frames_with_a_few_copies_a_batch(name: str) -> None:
    gif = small_gif(6, 24, 32)
    with pretend_device() as pretend:
        theirs = frames_of(name, gif, KIND)
        many = pretend.to_device, pretend.to_host
        pretend.reset()
        frames_of(name, small_gif(4, 24, 32), KIND)
        few = pretend.to_device, pretend.to_host
    if "bf16" not in name:  # in which the device does not compute
        assert np.abs(theirs - frames_of(name, gif, "cpu")).max() < 1e-3  # of 255; it is given more frames at once
    assert many[0] == few[0], f"{many} copies for 6 frames, {few} for 4: copies to the device a frame"
    assert many[1] == few[1], f"{many} copies for 6 frames, {few} for 4: copies to the host a frame"


@pytest.mark.parametrize("name", TIME)
@pytest.mark.usefixtures("one_size_of_batches", "one_thread")
def test_interpolators_give_the_cpus_frames(name: str, pretend: Pretend) -> None:
    gif = small_gif(4, 48, 64)
    theirs = frames_of(name, gif, KIND, every=2)
    assert np.abs(theirs - frames_of(name, gif, "cpu", every=2)).max() < 1e-3  # of 255: tensors lie in memory otherwise
    assert pretend.operations > 100


def test_gif2video_works_on_two_streams(pretend: Pretend) -> None:
    frames_of("gif2video", small_gif(3, 48, 64), KIND, every=2)
    assert pretend.streams > 0


@pytest.mark.usefixtures("one_size_of_batches", "one_thread")
def test_the_stabilizer_gives_the_cpus_frames(pretend: Pretend) -> None:
    gif = small_gif(4, 48, 64)
    assert np.array_equal(frames_of("stable:[ccdnet]", gif, KIND), frames_of("stable:[ccdnet]", gif, "cpu"))


@pytest.mark.filterwarnings("ignore:out of memory")
def test_batches_are_halved_where_the_accelerators_memory_ends(pretend: Pretend) -> None:
    gif, batching = small_gif(8, 48, 64), Batching()
    loaded = load_method("ccdnet-plain")
    device = on_device(loaded, KIND)
    times = gif.times[:8]
    pretend.fail_above = 60 * 48 * 64
    frames = np.concatenate(list(run_method(loaded, gif, times, clip="the GIF", device=device, batching=batching)))
    pretend.fail_above = None
    assert np.abs(frames - frames_of("ccdnet-plain", gif, "cpu")).max() < 1e-3
