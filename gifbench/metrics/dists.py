"""DISTS: structure and texture of two pictures compared in the features of VGG-16, tolerant of texture's place.

Ding et al., "Image quality assessment: unifying structure and texture similarity" (TPAMI 2020), as its authors' code
computes it: the picture itself and five stages of VGG-16, whose pooling is an L2 norm under a Hann window; a mean and a
covariance term a channel, weighted by α and β. The weights are others' and are not shipped.
"""

from __future__ import annotations

from typing import Any

from gifbench.errors import WeightsError
from gifbench.metrics.perceptual_network import NetworkDistance, moved, normalized, read_tensors

_STAGES = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))
"""VGG-16's convolutions, by their number in torchvision's `features`; each stage after the first begins with a pool."""

_CHANNELS = (3, 64, 128, 256, 512, 512)
_C = 1e-6
_ADVICE = (
    "fetch vgg16-397923af.pth (torchvision's VGG-16, IMAGENET1K_V1) and weights.pt (of github.com/dingkeyan93/DISTS), "
    "and write dists:backbone=vgg16-397923af.pth,scales=weights.pt"
)


class Dists(NetworkDistance):
    """DISTS with VGG-16."""

    called = "DISTS"
    spec = (
        "DISTS (Ding et al. 2020): the frame and five stages of VGG-16 with L2 pooling, texture and structure terms "
        "weighted by alpha and beta, on 8-bit RGB at its own size"
    )

    def __init__(self, *, backbone: str = "", scales: str = "") -> None:
        names = [f"features.{number}.{kind}" for stage in _STAGES for number in stage for kind in ("weight", "bias")]
        self._backbone = read_tensors(backbone, what="dists", wanted=names, advice=_ADVICE)
        self._scales = read_tensors(scales, what="dists", wanted=("alpha", "beta"), advice=_ADVICE)
        for name, scale in self._scales.items():
            if scale.numel() != sum(_CHANNELS):
                raise WeightsError(f"dists: {scales} has {scale.numel()} values of {name}, {sum(_CHANNELS)} are wanted")
        self.weights = (backbone, scales)

    def distances(self, restored: Any, truth: Any) -> list[float]:  # noqa: ANN401
        """The distances of frames (N, 3, H, W) uint8, tensors on one device."""
        import torch

        scales = moved(self._scales, truth)
        alpha, beta = (torch.split(scales[name].flatten(), _CHANNELS) for name in ("alpha", "beta"))
        whole = scales["alpha"].sum() + scales["beta"].sum()
        with torch.inference_mode():
            alike: Any = torch.zeros(len(truth), device=truth.device)
            stages = zip(self._features(truth), self._features(restored), alpha, beta, strict=True)
            for x, y, of_texture, of_structure in stages:
                mean_x, mean_y = x.mean((2, 3)), y.mean((2, 3))
                texture = (2 * mean_x * mean_y + _C) / (mean_x.square() + mean_y.square() + _C)
                var_x = (x - mean_x[..., None, None]).square().mean((2, 3))
                var_y = (y - mean_y[..., None, None]).square().mean((2, 3))
                covariance = (x * y).mean((2, 3)) - mean_x * mean_y
                structure = (2 * covariance + _C) / (var_x + var_y + _C)
                alike = alike + (of_texture * texture + of_structure * structure).sum(1) / whole
        return [float(value) for value in (1 - alike).double().cpu()]

    def _features(self, frames: Any) -> list[Any]:  # noqa: ANN401
        from torch.nn import functional

        tensors = moved(self._backbone, frames)
        x = normalized(frames)
        found = [frames.float() / 255]
        for i, stage in enumerate(_STAGES):
            x = _l2_pooled(x) if i else x
            for number in stage:
                weight, bias = tensors[f"features.{number}.weight"], tensors[f"features.{number}.bias"]
                x = functional.conv2d(x, weight, bias, padding=1).relu()
            found.append(x)
        return found


def _l2_pooled(features: Any) -> Any:  # noqa: ANN401
    """Half the size, each pixel the root of the squares around it under a 3×3 Hann window."""
    import torch
    from torch.nn import functional

    side = torch.tensor([0.5, 1.0, 0.5], device=features.device)
    window = torch.outer(side, side)
    channels = features.shape[1]
    kernel = (window / window.sum()).expand(channels, 1, 3, 3)
    return (functional.conv2d(features.square(), kernel, stride=2, padding=1, groups=channels) + 1e-12).sqrt()
