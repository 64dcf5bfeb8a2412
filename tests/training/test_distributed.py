"""A training fits the machine: several processes, little memory, TensorBoard, half precision."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file  # noqa: E402

from gifbench import TrainerOptions, Update  # noqa: E402
from gifbench.errors import MissingExtra, TrainingError, UsageError  # noqa: E402
from gifbench.progress import Progress  # noqa: E402
from gifbench.training import training_loop  # noqa: E402
from gifbench.training.checkpoint import load_checkpoint  # noqa: E402
from gifbench.training.config import TrainingConfig, read_config  # noqa: E402
from gifbench.training.training_loop import train  # noqa: E402
from tests.training import test_train  # noqa: E402
from tests.training.test_train import Stop, lines, same  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")


def config(**training) -> TrainingConfig:
    return test_train.config(**{"steps": 4, "batch_size": 4, "data": {"validation_frames": 1}, **training})


ROW = """
trainer = "ccdnet"
name = "row"
[data]
crop = 24
[training]
steps = 3
batch_size = 4
log_every = 1
learning_rate = 1e-3
clip_gradient = 0.01
ema = 0.9
[model]
backbone = "drrn"  # no BatchNorm, whose statistics are those of a process
base = 4
steps = 2
"""


BOTH = """
import os, sys
import torch, torch._dynamo, accelerate, gifbench.training.training_loop, gifbench_baselines.ccdnet.training
from gifbench.cli import main
torch.set_default_dtype(torch.float64)
torch.Tensor.float = torch.Tensor.double
child, code = os.fork(), 1
os.environ["RANK"] = os.environ["LOCAL_RANK"] = "0" if child else "1"
try:
    main()
except SystemExit as done:
    code = done.code or 0
os.write(2, f"one of {accelerate.PartialState().num_processes}\\n".encode())  # whole, whatever the other writes
os._exit(code or bool(child and os.waitpid(child, 0)[1]))
"""
"""Two processes as a launcher starts them, of which one imports for both; `accelerate launch --cpu` starts only one."""


def test_two_processes_train_what_one_trains(dataset, tmp_path, monkeypatch):
    """In double precision, where the order of sums is all that differs: Adam makes 2e-3 of the last bits of a float."""
    pytest.importorskip("accelerate")
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    (tmp_path / "row.toml").write_text(ROW)
    words = ["train", str(tmp_path / "row.toml"), "--data", dataset.url, "--device", "cpu", "--out"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", BOTH, *words, str(tmp_path / "two")]
    two = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | said)
    assert two.returncode == 0, two.stderr
    assert two.stderr.count("one of 2") == 2, two.stderr
    assert two.stdout.count("step 3") == 1, "one process speaks for both"
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        one = train(read_config(tmp_path / "row.toml"), dataset, tmp_path / "one")
    finally:
        torch.set_default_dtype(before)
    apart, together = load_file(one.weights), load_file(tmp_path / "two" / "row.safetensors")
    for name, tensor in apart.items():
        assert tensor.dtype in (torch.float64, torch.int64)
        torch.testing.assert_close(together[name], tensor, rtol=0, atol=1e-9)
    assert [line["step"] for line in lines(tmp_path / "two")] == [1, 2, 3]


class Crowded:
    """A trainer for whose network more than `most` samples are too many, and whose dropout draws at random."""

    options_class = TrainerOptions
    most = 1

    def __init__(self, options: TrainerOptions) -> None:
        self.network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 1), torch.nn.Dropout(0.5), torch.nn.Conv2d(8, 3, 1))
        self.others = {}
        self.learned = {"network": list(self.network.parameters())}

    def updates(self, network, batch, generator):
        if len(batch.gif) > self.most:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        loss = (network(batch.gif / 255.0) - batch.truth / 255.0).abs().mean()
        yield Update("network", loss, {"loss": loss})

    def scores(self, network, batch):
        return {}, None

    def architecture(self):
        return {"network": "crowded"}

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


def test_without_memory_the_batch_is_halved_and_stays_so_when_resumed(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(training_loop, "load_trainer", lambda name: Crowded)
    said = []

    def stop(now: Progress) -> None:
        said.append(now.message)
        if now.done == 3:
            raise Stop

    wanted = config(checkpoint_seconds=0).model_copy(update={"model": {}})
    whole = train(wanted, dataset, tmp_path / "whole")
    assert [line["batch_size"] for line in lines(tmp_path / "whole") if "batch_size" in line] == [2, 1]
    with pytest.raises(Stop):
        train(wanted, dataset, tmp_path / "broken", progress=stop)
    assert [what for what in said if "halved" in what] == [
        "out of memory: the batch is halved to 2 from here on",
        "out of memory: the batch is halved to 1 from here on",
    ]
    assert load_checkpoint(tmp_path / "broken")["batch_size"] == whole.batch_size == 1
    resumed = train(wanted, dataset, tmp_path / "broken", resume=True)
    assert same(whole.weights, resumed.weights), "dropout draws the same, too"
    monkeypatch.setattr(Crowded, "most", 0)
    with pytest.raises(TrainingError, match="no memory for a batch of 1 in step 1"):
        train(wanted, dataset, tmp_path / "none")


def test_tensorboard_gets_losses_scores_and_pictures(dataset, tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    train(config(tensorboard=True, steps=2), dataset, tmp_path / "run")
    (events,) = (tmp_path / "run" / "tensorboard").glob("events*")
    written = events.read_bytes()
    assert all(tag in written for tag in (b"loss", b"learning_rate", b"validation/psnr", b"PNG"))
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(MissingExtra, match=r"gifbench\[train\]"):
        train(config(tensorboard=True), dataset, tmp_path / "without")


def test_the_log_says_where_the_time_went(dataset, tmp_path):
    trained = train(config(), dataset, tmp_path)
    shares = [trained.speed[name] for name in ("loader", "device", "metrics")]
    assert sum(shares) == pytest.approx(1) and min(shares) >= 0 and trained.speed["steps_per_second"] > 0


def test_half_precision_and_channels_last_train_alike(dataset, tmp_path):
    plain = train(config(steps=12), dataset, tmp_path / "plain").losses["loss"]
    half = train(config(steps=12, precision="bf16", channels_last=True), dataset, tmp_path / "half").losses["loss"]
    assert half == pytest.approx(plain, rel=0.1) and half != plain


def test_compiling_is_of_the_network_that_is_called_and_not_of_the_one_that_is_kept(dataset, tmp_path, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda network: compiled.append(network) or network)
    whole = train(config(steps=2, compile=True), dataset, tmp_path / "compiled")
    assert len(compiled) == 1
    assert same(whole.weights, train(config(steps=2), dataset, tmp_path / "plain").weights)


def test_processes_that_cannot_share_a_batch_are_told(dataset, tmp_path, monkeypatch):
    class Three(training_loop.Processes):
        def __init__(self, device: str) -> None:
            super().__init__(device)
            self.count = 3

    monkeypatch.setattr(training_loop, "Processes", Three)
    with pytest.raises(UsageError, match="batch_size is 4: 3 processes"):
        train(config(), dataset, tmp_path)
