"""Community models: small networks of spandrel's own architectures, with random weights, as files of every kind."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

if find_spec("spandrel") is None:
    pytest.skip("spandrel is not installed", allow_module_level=True)

from gifbench_baselines.community_model import CommunityModel

from gifbench import UsageError, WeightsError, load_method
from tests.baselines.conftest import assert_contract_is_kept


def network(name: str, scale: int) -> torch.nn.Module:
    from spandrel.architectures.Compact import Compact
    from spandrel.architectures.DAT import DAT
    from spandrel.architectures.ESRGAN import ESRGAN
    from spandrel.architectures.SPAN import SPAN

    torch.manual_seed(scale)
    with warnings.catch_warnings(action="ignore"):
        if name == "compact":
            return Compact(num_feat=8, num_conv=2, upscale=scale)
        if name == "esrgan":
            return ESRGAN(num_filters=8, num_blocks=1, scale=scale)
        if name == "span":
            return SPAN(num_in_ch=3, num_out_ch=3, feature_channels=8, upscale=scale)
        return DAT(img_size=16, embed_dim=16, split_size=[4, 4], depth=[1], num_heads=[2], upscale=scale)


def saved(folder: Path, name: str, scale: int) -> Path:
    path = folder / f"{scale}x-{name}.safetensors"
    tensors = {key: tensor.contiguous().clone() for key, tensor in network(name, scale).state_dict().items()}
    save_file(tensors, path)
    return path


def frames(count: int = 2, height: int = 40, width: int = 52) -> torch.Tensor:
    y, x = np.mgrid[:height, :width]
    one = np.stack([4 * x, 3 * y + x, 255 - 2 * x - y], axis=-1) % 256
    return torch.from_numpy(np.stack([np.roll(one, 5 * i, 0) for i in range(count)]).astype(np.uint8))


def restored(path: Path, given: torch.Tensor, **options) -> torch.Tensor:
    return CommunityModel(weights=str(path), **options).restore_frames(given, [given[0, 0]] * len(given))


@pytest.mark.parametrize(
    ("name", "scale"), [*((name, s) for name in ("compact", "esrgan") for s in (1, 2, 4)), ("span", 2), ("dat", 2)]
)
def test_frames_are_what_the_network_makes_of_them_at_their_size(tmp_path, name, scale):
    path, given = saved(tmp_path, name, scale), frames()
    out = restored(path, given)
    assert out.shape == given.shape
    assert out.dtype == torch.float32
    reference = network(name, scale).eval()
    with torch.no_grad(), warnings.catch_warnings(action="ignore"):
        for i in range(len(given)):
            whole = reference(given[i : i + 1].permute(0, 3, 1, 2).float() / 255).clamp(0, 1)
            assert whole.shape[2:] == (scale * given.shape[1], scale * given.shape[2])
            size = given.shape[1:3]
            shrunk = torch.nn.functional.interpolate(whole, size=size, mode="bicubic", antialias=True)
            expected = (whole if scale == 1 else shrunk)[0].permute(1, 2, 0) * 255
            torch.testing.assert_close(out[i], expected.clamp(0, 255), atol=0.01, rtol=0)


@pytest.mark.parametrize(("name", "scale"), [("compact", 1), ("esrgan", 2)])
def test_the_contract_is_kept_by_its_text(tmp_path, name, scale):
    assert_contract_is_kept(f"spandrel:weights={saved(tmp_path, name, scale)}")


def test_what_results_say_is_the_file_by_content(tmp_path):
    one = load_method(f"spandrel:weights={saved(tmp_path, 'compact', 1)}")
    (tmp_path / "moved").mkdir()
    moved = load_method(f"spandrel:weights={saved(tmp_path / 'moved', 'compact', 1)}")
    other = load_method(f"spandrel:weights={saved(tmp_path, 'esrgan', 1)}")
    assert one.weights == "1x-compact.safetensors"
    assert one.parameters > 0
    assert not one.unknown
    assert one.identity == moved.identity
    assert one.identity != other.identity


@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: {"params_ema": state}, lambda s: {"model": s}])
def test_torchs_own_files_give_the_same(tmp_path, wrap):
    path = tmp_path / "1x-compact.pth"
    torch.save(wrap(network("compact", 1).state_dict()), path)
    assert torch.equal(restored(path, frames()), restored(saved(tmp_path, "compact", 1), frames()))


def test_large_frames_go_in_tiles_and_any_size_will_do(tmp_path):
    path = saved(tmp_path, "compact", 1)
    given = frames(1, 150, 203)
    apart = (restored(path, given, tile=96) - restored(path, given))[:, 8:-8, 8:-8].abs()
    assert apart.mean() < 0.05
    assert apart.max() < 3
    for height, width in ((1, 1), (3, 200), (17, 15)):
        assert restored(saved(tmp_path, "dat", 2), frames(1, height, width)).shape == (1, height, width, 3)


class Evil:
    def __reduce__(self):
        return os.system, ("exit 3",)


def test_other_files_are_refused_in_a_line(tmp_path):
    def refused(name: str, said: str, **options) -> None:
        with pytest.raises((WeightsError, UsageError), match=said):
            CommunityModel(weights=str(tmp_path / name) if name else "", **options)

    refused("", "weights must name a file")
    refused("gone.safetensors", "no such file")
    refused("gone.safetensors", "tile must be 64", tile=8)
    (tmp_path / "damaged.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    refused("damaged.safetensors", "not safetensors")
    (tmp_path / "model.onnx").write_bytes(b"x")
    refused("model.onnx", r"end in \.safetensors")
    (tmp_path / "evil.pth").write_bytes(pickle.dumps({"a": Evil()}))
    refused("evil.pth", "refused|damaged")
    torch.save({"a": Evil()}, tmp_path / "evil2.pth")
    refused("evil2.pth", "asks for more than tensors")
    torch.save([1, 2], tmp_path / "list.pth")
    refused("list.pth", "no network's tensors")
    save_file({"a": torch.zeros(3)}, tmp_path / "other.safetensors")
    refused("other.safetensors", "no architecture that spandrel")
    state = {key: tensor.clone() for key, tensor in network("compact", 1).state_dict().items()}
    state["body.0.weight"][0] = float("nan")
    save_file(state, tmp_path / "nan.safetensors")
    refused("nan.safetensors", "NaN")
    from spandrel.architectures.Compact import Compact

    save_file(
        dict(Compact(num_in_ch=1, num_out_ch=1, num_feat=8, num_conv=2, upscale=1).state_dict()),
        tmp_path / "g.safetensors",
    )
    refused("g.safetensors", "1 channels to 1")
    path = saved(tmp_path, "dat", 2)
    with pytest.raises(UsageError, match="precision must be fp32"):
        CommunityModel(weights=str(path), precision="fp16")


IMPORT = """
import importlib, os, sys
import torch
import gifbench
for lines in sys.argv[1:]:  # each in a fork, since torch takes seconds to import
    if not os.fork():
        exec(lines)
        import gifbench_baselines.community_model as found
        import spandrel
        assert "torchvision" not in sys.modules, "the stand-in is taken away again"
        assert spandrel.MAIN_REGISTRY.get("ESRGAN")
        print("imported", flush=True)
        os._exit(0)
    if os.wait()[1]:
        sys.exit(lines)
"""
BROKEN = {
    "missing": "sys.modules['torchvision'] = None",
    "of another torch": """
import importlib.abc, importlib.util
class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        return importlib.util.spec_from_loader(name, self) if name == 'torchvision' else None
    def exec_module(self, module):
        raise RuntimeError('operator torchvision::nms does not exist')
sys.meta_path.insert(0, Finder())
""",
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_torchvision_that_does_not_fit_is_no_obstacle():
    command = [sys.executable, "-W", "ignore", "-c", IMPORT, *BROKEN.values()]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "imported\n" * len(BROKEN)), run.stderr
