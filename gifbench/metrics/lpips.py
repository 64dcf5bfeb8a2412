"""LPIPS: the distance between two pictures in the features of AlexNet, weighted as people judged.

Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric" (CVPR 2018), version 0.1 of its
authors' code with AlexNet: five layers' features, each pixel's made a unit vector, squared differences weighted, mean
over the pixels, summed over the layers. The weights are others' and are not shipped.
"""

from __future__ import annotations

from typing import Any

from gifbench.metrics.perceptual_network import NetworkDistance, moved, normalized, read_tensors

_LAYERS = ((0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1))
"""Of AlexNet's convolutions: the number in torchvision's `features`, the stride and the padding."""

_ADVICE = (
    "fetch alexnet-owt-7be5be79.pth (torchvision's AlexNet, IMAGENET1K_V1) and lpips/weights/v0.1/alex.pth (of "
    "github.com/richzhang/PerceptualSimilarity), and write lpips:backbone=alexnet-owt-7be5be79.pth,linear=alex.pth"
)


class Lpips(NetworkDistance):
    """LPIPS 0.1 with AlexNet."""

    called = "LPIPS"
    spec = (
        "LPIPS version 0.1 (Zhang et al. 2018), AlexNet's five layers, linear weights, spatial mean, on 8-bit RGB "
        "moved to the mean and deviation of ImageNet as the authors' code does"
    )

    def __init__(self, *, backbone: str = "", linear: str = "") -> None:
        names = [f"features.{number}.{kind}" for number, _, _ in _LAYERS for kind in ("weight", "bias")]
        self._backbone = read_tensors(backbone, what="lpips", wanted=names, advice=_ADVICE)
        wanted = [f"lin{i}.model.1.weight" for i in range(len(_LAYERS))]
        self._linear = read_tensors(linear, what="lpips", wanted=wanted, advice=_ADVICE)
        self.weights = (backbone, linear)

    def distances(self, restored: Any, truth: Any) -> list[float]:  # noqa: ANN401
        """The distances of frames (N, 3, H, W) uint8, tensors on one device."""
        import torch

        linear = moved(self._linear, truth)
        with torch.inference_mode():
            total: Any = torch.zeros(len(truth), device=truth.device)
            layers = zip(self._features(restored), self._features(truth), strict=True)
            for i, (mine, theirs) in enumerate(layers):
                apart = (_unit(mine) - _unit(theirs)).square()
                total = total + torch.nn.functional.conv2d(apart, linear[f"lin{i}.model.1.weight"]).mean((1, 2, 3))
        return [float(value) for value in total.double().cpu()]

    def _features(self, frames: Any) -> list[Any]:  # noqa: ANN401
        from torch.nn import functional

        tensors = moved(self._backbone, frames)
        x, found = normalized(frames), []
        for i, (number, stride, padding) in enumerate(_LAYERS):
            if i in (1, 2):
                x = functional.max_pool2d(x, 3, 2)
            weight, bias = tensors[f"features.{number}.weight"], tensors[f"features.{number}.bias"]
            x = functional.conv2d(x, weight, bias, stride=stride, padding=padding).relu()
            found.append(x)
        return found


def _unit(features: Any) -> Any:  # noqa: ANN401
    """Each pixel's features (N, C, H, W) divided by their length, as the authors' code does: 1e-10 is added to it."""
    return features / (features.square().sum(1, keepdim=True).sqrt() + 1e-10)
