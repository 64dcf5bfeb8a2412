"""LPIPS and DISTS give what their architectures give, built here from torch's own layers, for any weights.

The authors' weights are not shipped, so the networks here have random ones: an equal distance for random weights is an
equal distance for theirs.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from gifbench.errors import PixelsError, WeightsError
from gifbench.metrics.metric import FrameBatch, FramePair
from gifbench.metrics.registry import load_metric

torch = pytest.importorskip("torch")
nn = torch.nn

MEAN, DEVIATION = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


def frames(seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (1, 3, 32, 36), np.uint8))


def pairs(restored: torch.Tensor, truth: torch.Tensor) -> list[FramePair]:
    both = [np.ascontiguousarray(each.permute(0, 2, 3, 1).numpy()) for each in (restored, truth)]
    both[0].setflags(write=False)  # as frames from the cache are
    return [FramePair(*each) for each in zip(*both, strict=True)]


def saved(path: Path, tensors: dict) -> str:
    torch.save(tensors, path)
    return str(path)


@pytest.fixture(scope="module")
def alexnet() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, 1, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, 1, 1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, 1, 1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU(),
    )  # fmt: skip


@pytest.fixture(scope="module")
def vgg() -> nn.Sequential:
    torch.manual_seed(2)
    layers: list[nn.Module] = []
    before = 3
    for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
            before = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


def files(network: nn.Sequential, folder: Path) -> str:
    return saved(folder / "backbone.pth", {f"features.{name}": value for name, value in network.state_dict().items()})


def lpips(alexnet: nn.Sequential, folder: Path):
    linear = {f"lin{i}.model.1.weight": torch.rand(1, c, 1, 1) for i, c in enumerate((64, 192, 384, 256, 256))}
    text = f"lpips:backbone={files(alexnet, folder)},linear={saved(folder / 'lin.pth', linear)}"
    return load_metric(text).metric, linear


def test_lpips_is_the_weighted_distance_of_unit_features(alexnet, tmp_path):
    metric, linear = lpips(alexnet, tmp_path)
    one, other = frames(2), frames(3)
    expected = torch.zeros(1)
    x, y = ((each / 255 - MEAN[:, None, None]) / DEVIATION[:, None, None] for each in (one, other))
    with torch.no_grad():
        for number, layer in enumerate(alexnet):
            x, y = layer(x), layer(y)
            if number in (1, 4, 7, 9, 11):
                apart = (nn.functional.normalize(x, dim=1) - nn.functional.normalize(y, dim=1)).square()
                weight = linear[f"lin{(1, 4, 7, 9, 11).index(number)}.model.1.weight"]
                expected += (apart * weight[0]).sum(1).mean((1, 2))
    assert metric.measure_batch(FrameBatch(one, other, [None])) == pytest.approx(expected.tolist(), rel=1e-5)
    assert [metric.measure(pair) for pair in pairs(one, other)] == pytest.approx(expected.tolist(), rel=1e-5)
    assert metric.measure(pairs(one, one)[0]) == 0


def test_dists_is_one_less_texture_and_structure(vgg, tmp_path):
    scales = {"alpha": torch.rand(1, 1475, 1, 1), "beta": torch.rand(1, 1475, 1, 1)}
    metric = load_metric(f"dists:backbone={files(vgg, tmp_path)},scales={saved(tmp_path / 'w.pt', scales)}").metric
    one, other = frames(2), frames(3)
    hann = torch.outer(torch.tensor([0.25, 0.5, 0.25]), torch.tensor([0.25, 0.5, 0.25]))

    def features(picture):
        found = [picture / 255]
        x = (picture / 255 - MEAN[:, None, None]) / DEVIATION[:, None, None]
        for layer in vgg:
            if isinstance(layer, nn.MaxPool2d):
                found.append(x)
                padded = nn.functional.pad(x.square(), (1, 1, 1, 1))
                x = (padded.unfold(2, 3, 2).unfold(3, 3, 2) * hann).sum((-1, -2)).add(1e-12).sqrt()
            else:
                x = layer(x)
        return found

    expected = []
    with torch.no_grad():
        for a, b in zip(one, other, strict=True):
            terms = []
            for both in zip(features(a[None]), features(b[None]), strict=True):
                x, y = (each[0].flatten(1).double() for each in both)
                texture = (2 * x.mean(1) * y.mean(1) + 1e-6) / (x.mean(1) ** 2 + y.mean(1) ** 2 + 1e-6)
                covariance = ((x - x.mean(1, True)) * (y - y.mean(1, True))).mean(1)
                structure = (2 * covariance + 1e-6) / (x.var(1, correction=0) + y.var(1, correction=0) + 1e-6)
                terms.append(torch.stack([texture, structure]))
            texture, structure = torch.cat(terms, 1)
            weighted = (scales["alpha"].flatten() * texture + scales["beta"].flatten() * structure).sum()
            expected.append(float(1 - weighted / (scales["alpha"].sum() + scales["beta"].sum())))
    assert metric.measure_batch(FrameBatch(one, other, [None])) == pytest.approx(expected, abs=1e-4)
    assert [metric.measure(pair) for pair in pairs(one, other)] == pytest.approx(expected, abs=1e-4)


class Runs:
    def __reduce__(self):
        return Path.touch, (Path("was_run"),)


@pytest.mark.parametrize("name", ["lpips", "dists"])
def test_weights_that_are_not_there_are_said_with_the_way_out(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError, match=rf"^{name} needs weights, which gifbench does not ship: fetch .*\.pth"):
        load_metric(name)
    with pytest.raises(WeightsError, match=r"there is no file gone.pth: fetch"):
        load_metric(f"{name}:backbone=gone.pth")
    saved(tmp_path / "other.pth", {"a": torch.zeros(1)})
    with pytest.raises(WeightsError, match=r"other.pth holds no .* another network's"):
        load_metric(f"{name}:backbone=other.pth")
    (tmp_path / "half.pth").write_bytes((tmp_path / "other.pth").read_bytes()[:200])
    (tmp_path / "code.pth").write_bytes(pickle.dumps(Runs()))
    for file in ("half.pth", "code.pth"):
        with pytest.raises(WeightsError, match="cannot be read as weights") as error:
            load_metric(f"{name}:backbone={file}")
        assert "\n" not in str(error.value)
    assert not (tmp_path / "was_run").exists()


def test_frames_that_are_too_small_are_said(alexnet, tmp_path):
    metric, _ = lpips(alexnet, tmp_path)
    small = np.zeros((20, 64, 3), np.uint8)
    with pytest.raises(PixelsError, match="32 pixels a side"):
        metric.measure(FramePair(small, small))


def test_dists_says_which_frames_and_which_scales_it_cannot_take(vgg, tmp_path):
    backbone = files(vgg, tmp_path)
    scales = {"alpha": torch.rand(1, 1475, 1, 1), "beta": torch.rand(1, 1475, 1, 1)}
    metric = load_metric(f"dists:backbone={backbone},scales={saved(tmp_path / 'w.pt', scales)}").metric
    small = np.zeros((31, 64, 3), np.uint8)
    with pytest.raises(PixelsError, match=r"32 pixels a side, not \(31, 64\)"):
        metric.measure(FramePair(small, small))
    short = saved(tmp_path / "short.pt", {**scales, "beta": torch.rand(1, 1474, 1, 1)})
    with pytest.raises(WeightsError, match=r"short\.pt has 1474 values of beta, 1475 are wanted"):
        load_metric(f"dists:backbone={backbone},scales={short}")
