"""The authors' files become safetensors with the same weights; hostile ones are refused in one line and run nothing."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from gifbench_baselines.ccdnet.network import CCDNet, CCDNetArchitecture  # noqa: E402

from gifbench import load_method, read_weights  # noqa: E402
from gifbench.errors import AlreadyExists, UsageError, WeightsError  # noqa: E402
from gifbench.training import pickles_to_safetensors  # noqa: E402
from gifbench.training.pickles_to_safetensors import convert_weights  # noqa: E402
from tests.conftest import answer  # noqa: E402


def authors_names(unet, *, counted: bool) -> OrderedDict:
    """The state of one of our U-Nets under the names of the released code."""
    renamed = OrderedDict()
    for name, tensor in unet.state_dict().items():
        if not counted and name.endswith("num_batches_tracked"):
            continue
        place, _, rest = name.partition(".")
        if place in ("inc", "outc"):
            renamed[f"{place}onv.{rest}"] = tensor
        else:
            number, _, rest = rest.partition(".")
            renamed[f"{place[:-1]}conv{int(number) + 1}.{'1.' if place == 'downs' else ''}{rest}"] = tensor
    return renamed


def authors_file(path: Path, unet, *, old: bool = False, module: bool = False) -> Path:
    state = authors_names(unet, counted=not old)
    if module:
        state = OrderedDict((f"module.{name}", tensor) for name, tensor in state.items())
    adam = torch.optim.Adam(unet.parameters())
    sum(parameter.sum() for parameter in unet.parameters()).backward()
    adam.step()
    kept = {
        "epoch": 60,
        "model_netG": state,
        "model_netD": OrderedDict(weight=torch.zeros(3)),
        "optimizer_netG": adam.state_dict(),
    }
    torch.save(kept, path, _use_new_zipfile_serialization=not old)
    return path


def network(**options) -> CCDNet:
    torch.manual_seed(1)
    return CCDNet(CCDNetArchitecture(base=2, **options))


@pytest.mark.parametrize("old", [False, True], ids=["zip", "2019"])
def test_a_file_of_one_network_becomes_ccdnet_1(tmp_path, old):
    ours = network()
    source = authors_file(tmp_path / "ccdnet1_nogan_faces_nodither_ep60.pt", ours.first, old=old, module=old)
    assert {"inconv.0.weight", "downconv1.1.0.weight", "upconv4.up.bias", "outconv.bias"} <= torch.load(source)[
        "model_netG"
    ].keys() or old
    path = convert_weights([source], tmp_path / "one.safetensors")
    weights = read_weights(path)
    for name, tensor in ours.state_dict().items():
        if not (old and name.endswith("num_batches_tracked")):
            assert torch.equal(weights.tensors[name], tensor), name
    assert source.name in path.with_suffix(".md").read_text() and "none stated" in weights.about["licence"]
    assert load_method(f"ccdnet-1:weights={path}").parameters == sum(each.numel() for each in ours.parameters())


@pytest.mark.parametrize("embedded", [True, False], ids=["plain", "dithered"])
def test_two_files_become_ccdnet_2_and_3(tmp_path, embedded):
    ours = network(steps=2, embedded=embedded)
    first, second = (
        authors_file(tmp_path / f"{name}.pt", unet) for name, unet in (("u1", ours.first), ("u2", ours.second))
    )
    path = tmp_path / "two.safetensors"
    assert answer("convert-weights", second, path, "--first", first)["architecture"]["embedded"] is embedded
    tensors = read_weights(path).tensors
    assert all(torch.equal(tensors[name], tensor) for name, tensor in ours.state_dict().items())
    for name in ("ccdnet-2", "ccdnet-3"):
        assert load_method(f"{name}:weights={path}").weights == "two.safetensors"
    with pytest.raises(AlreadyExists, match="--overwrite"):
        convert_weights([second, first], path)
    with pytest.raises(WeightsError, match="--first"):
        convert_weights([second], path, overwrite=True)
    with pytest.raises(WeightsError, match="twice"):
        convert_weights([second, second], path, overwrite=True)


def test_a_file_in_the_place_of_the_card_is_not_replaced_unasked(tmp_path):
    source, notes = authors_file(tmp_path / "first.pt", network().first), tmp_path / "mine.md"
    notes.write_text("my notes")
    with pytest.raises(AlreadyExists, match=r"mine\.md: the card of mine\.safetensors would stand here.*--overwrite"):
        convert_weights([source], tmp_path / "mine.safetensors")
    assert notes.read_text() == "my notes" and not (tmp_path / "mine.safetensors").exists()
    convert_weights([source], tmp_path / "mine.safetensors", overwrite=True)
    (tmp_path / "mine.safetensors").unlink()
    convert_weights([source], tmp_path / "mine.safetensors")
    assert "The card of `mine.safetensors`" in notes.read_text()


class Bomb:
    def __reduce__(self):
        return Path.touch, (Path("exploded"),)


def hostile_files(folder: Path) -> dict[str, tuple[Path, str]]:
    good = authors_file(folder / "good.pt", network().first).read_bytes()
    wide = torch.nn.Linear(3, 3).state_dict()
    wrong = authors_names(network().first, counted=True) | {"outconv.weight": torch.zeros(3, 5, 1, 1)}
    torch.save({"model_netG": Bomb()}, folder / "bomb.pt")
    (folder / "pickle.pt").write_bytes(pickle.dumps({"model_netG": Bomb()}))
    (folder / "cut.pt").write_bytes(good[: len(good) // 2])
    (folder / "noise.pt").write_bytes(b"\xff" * 100)
    (folder / "empty.pt").write_bytes(b"")
    torch.save([1, 2], folder / "list.pt")
    torch.save({"model_netG": wide}, folder / "linear.pt")
    torch.save({"model_netG": wrong}, folder / "wrong.pt")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"0" * 2_000_000)
    (folder / "packed.pt").write_bytes(packed.getvalue())
    said = {
        "bomb": "more than tensors",
        "pickle": "more than tensors",
        "cut": "damaged",
        "noise": "damaged",
        "empty": "damaged",
        "list": "no networks' tensors",
        "linear": "no converter knows",
        "wrong": "does not fit",
        "packed": "more than 1000000 bytes",
        "missing": "no such file",
    }
    return {name: (folder / f"{name}.pt", text) for name, text in said.items()}


@pytest.mark.parametrize(
    "group",
    [
        {"inconv.0.weight": (64, 3, 3, 3), "downconv1.1.0.weight": (1,), "outconv.weight": ()},
        {"inconv.0.weight": (64, 3, 3, 3), "downconv1.1.0.weight": (1,), "outconv.weight": (3, 999, 1, 1)},
        {"inconv.0.weight": (64, 3, 3, 3), "downconv1.1.0.weight": (1,), "outconv.weight": (3, 256, 1, 1)},
        dict.fromkeys(("input.weight", "conv1.weight", "conv2.weight", "output.weight"), ()),
        dict.fromkeys(("input.weight", "conv1.weight", "conv2.weight", "output.weight"), (512, 1, 1, 1)),
        dict.fromkeys(("0.0.weight", "15.0.weight", "16.weight"), ()),
        {"0.0.weight": (64, 3, 5, 5), "15.0.weight": (1,), "16.weight": (1,), "a.b.c": (1,), "999.0.weight": (1,)},
        {"netA.outconv.weight": (2, 128, 1, 1), "netB.outconv.weight": (5, 128, 1, 1)},
        {"netA.outconv.weight": (2, 4096, 1, 1), "netB.outconv.weight": (5, 32, 1, 1)},
        {"netA.outconv.weight": (2, 32, 1, 1), "netB.outconv.weight": (), "netC.what": ()},
    ],
)
def test_names_of_a_network_with_other_shapes_are_refused_and_take_no_memory(tmp_path, monkeypatch, group):
    made = []
    monkeypatch.setattr(torch.nn.Module, "load_state_dict", lambda *given, **options: made.append(given))
    torch.save({"model_netG": {name: torch.zeros(shape) for name, shape in group.items()}}, tmp_path / "small.pt")
    with pytest.raises(WeightsError) as error:
        convert_weights([tmp_path / "small.pt"], tmp_path / "out.safetensors")
    assert "\n" not in str(error.value) and not made


@pytest.mark.parametrize("shape", [(), (64, 12, 4, 4), (999, 12, 4, 4)])
def test_a_discriminator_of_another_shape_is_refused(tmp_path, shape):
    torch.save({"model_netD": {"0.weight": torch.zeros(shape)}}, tmp_path / "small.pt")
    with pytest.raises(WeightsError):
        convert_weights([tmp_path / "small.pt"], tmp_path / "out.safetensors")


def test_hostile_files_are_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = hostile_files(tmp_path)
    monkeypatch.setattr(pickles_to_safetensors, "MOST_BYTES", 1_000_000)
    for path, said in files.values():
        with pytest.raises(WeightsError, match=said) as error:
            convert_weights([path], tmp_path / "out.safetensors")
        assert "\n" not in str(error.value)
    assert not (tmp_path / "out.safetensors").exists() and not Path("exploded").exists()
    with pytest.raises(UsageError, match=r"ends in \.safetensors"):
        convert_weights([tmp_path / "good.pt"], tmp_path / "out.pt")
