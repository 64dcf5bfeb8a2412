"""What `gifbench train` trains for `cartoon`: photographs from a dataset, cartoons from a folder of the user's.

The losses of CartoonGAN, section 3.2: the generator learns from the adversarial loss and, with the weight ω = 10, from
the distance of what VGG-19 sees in the photograph and in the cartoon made of it (`conv4_4`); the discriminator learns
to tell cartoons from what is made, and from cartoons whose edges are smeared. First comes the initialization phase, in
which the generator learns from content alone. Photographs and cartoons need not show the same things.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from pydantic import Field
from torch import nn

from gifbench import Pixels, TrainerOptions, TrainingBatch, Update, UsageError

from ..adversarial_training import fake_loss, fooling_loss, real_loss
from ..ccdnet.network import eight_bit, scaled
from ..network_trainer_base import NetworkTrainer, draw, weighed
from ..stabilizer.losses import Perceptual
from .cartoon_network import Cartoonist, CartoonOptions, EdgeDiscriminator

_ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".bmp"}
_LOW, _HIGH = 100, 200
_WIDE, _SMOOTH = 3, 5


class CartoonTrainerOptions(TrainerOptions):
    """`[model]` of a cartoon generator."""

    pictures: str = ""
    """A folder of cartoons: PNG, JPEG or WebP, each as large as `data.crop` or larger."""
    vgg: str = ""
    """torchvision's file of VGG-19, `vgg19-dcbb9e9d.pth`, for the content loss."""
    base: int = Field(default=64, ge=4, le=128)
    blocks: int = Field(default=8, ge=1, le=16)
    start: str = ""
    """Weights to start from."""
    initialization: int = Field(default=10_000, ge=0)
    """Steps in which only the content counts; ten epochs in the paper."""
    content: float = Field(default=10.0, ge=0)
    """Weight of the content loss, ω in the paper."""
    pixels: float = Field(default=0.0, ge=0)
    """Weight of the mean absolute difference to the photograph, which stands in where there is no VGG file; not in the
    paper."""


class CartoonTrainer(NetworkTrainer):
    """Trains a cartoon generator; `data.crop` is the side of the pictures, 256 in the paper."""

    options_class = CartoonTrainerOptions

    def __init__(self, options: CartoonTrainerOptions) -> None:
        if options.content and not options.vgg:
            raise UsageError(
                "[model] vgg is not set, and the content loss needs torchvision's vgg19-dcbb9e9d.pth: fetch it and "
                "name it, or set content=0 and pixels=10 to hold on to the photograph's pixels instead"
            )
        if not (options.content or options.pixels):
            raise UsageError("[model] content and pixels are both 0: nothing would hold on to the photograph")
        self._options = options
        self._cartoons = _Cartoons(options.pictures)
        architecture = CartoonOptions(base=options.base, blocks=options.blocks)
        network = Cartoonist(architecture)
        self._content: Any = Perceptual(options.vgg, layer="conv4_4") if options.content else None
        super().__init__(network, architecture, start=options.start, discriminator=EdgeDiscriminator())
        self._step = 0

    def updates(self, network: nn.Module, batch: TrainingBatch, generator: torch.Generator) -> Iterator[Update]:
        """In the initialization phase the network's update; then the discriminator's, and the network's."""
        photo = scaled(batch.truth)
        made = network(photo).float()
        loss, parts = weighed(
            self._options,
            content=lambda: self._content.to(photo.device)((made + 1) / 2, (photo + 1) / 2),
            pixels=lambda: (made - photo).abs().mean(),
        )
        self._step += 1
        if self._step <= self._options.initialization:
            yield Update("network", loss, {"loss": loss, **parts})
            return
        discriminator = self.others["discriminator"]
        cartoons, smeared = (each.to(photo.device) for each in self._cartoons.draw(len(photo), photo, generator))
        judged = real_loss(discriminator(cartoons)), fake_loss(discriminator(smeared))
        on_made = fake_loss(discriminator(made.detach()))
        judging = judged[0] + judged[1] + on_made
        yield Update("discriminator", judging, {"real": judged[0], "smeared": judged[1], "made": on_made})
        parts["adversarial"] = fooling_loss(discriminator, made)
        loss = loss + parts["adversarial"]
        yield Update("network", loss, {"loss": loss, **parts})

    def scores(self, network: nn.Module, batch: TrainingBatch) -> tuple[dict[str, float], torch.Tensor]:
        """How far the cartoon is from the photograph, and pictures; that it looks like one, no number here says."""
        photo = scaled(batch.truth)
        height, width = (side // self.network.stride * self.network.stride for side in photo.shape[2:])
        made = network(photo[..., :height, :width]).float()
        change = float((made - photo[..., :height, :width]).abs().mean()) * 127.5
        pictures = batch.truth.clone()
        pictures[..., :height, :width] = eight_bit(made)
        return {"change": change}, pictures

    def state_dict(self) -> dict[str, Any]:
        """How many steps there were, which ends the initialization phase."""
        return {"step": self._step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """How many steps there were."""
        self._step = int(state["step"])


class _Cartoons:
    """The pictures of a folder, drawn at random."""

    def __init__(self, folder: str) -> None:
        place = Path(folder)
        if not folder or not place.is_dir():
            raise UsageError(
                f'[model] pictures must be a folder of cartoons, got "{folder}": --set model.pictures=FOLDER'
            )
        self._paths = sorted(path for path in place.rglob("*") if path.suffix.lower() in _ENDINGS)
        if not self._paths:
            raise UsageError(f"[model] pictures: {folder} holds no PNG, JPEG, WebP or BMP. Name a folder of cartoons")

    def draw(self, count: int, like: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Parts of some pictures, as large as `like` (N, 3, H, W), and the same with smeared edges, in [-1, 1]."""
        pictures, smeared = [], []
        height, width = like.shape[2:]
        for _ in range(count):
            picture = _read(self._paths[draw(len(self._paths), generator)], height, width)
            top = draw(picture.shape[0] - height + 1, generator)
            left = draw(picture.shape[1] - width + 1, generator)
            part = np.ascontiguousarray(picture[top : top + height, left : left + width])
            if draw(2, generator):
                part = np.ascontiguousarray(part[:, ::-1])
            pictures.append(torch.from_numpy(part))
            smeared.append(torch.from_numpy(smeared_edges(part)))
        first, second = (scaled(torch.stack(parts).permute(0, 3, 1, 2)) for parts in (pictures, smeared))
        return first, second


def smeared_edges(picture: Pixels) -> Pixels:
    """A picture (H, W, 3) uint8 with smeared edges, as the discriminator learns to tell from cartoons (section 3.2.2).

    Edges are found by Canny between `_LOW` and `_HIGH` and dilated by a square of `_WIDE` pixels; the picture within
    them is smoothed by a gaussian, all else stays.
    """
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    edges = cv2.dilate(cv2.Canny(gray, _LOW, _HIGH), np.ones((_WIDE, _WIDE), np.uint8))
    smooth = cv2.GaussianBlur(picture, (_SMOOTH, _SMOOTH), 0)
    return np.where(edges[..., None] > 0, smooth, picture).astype(np.uint8)


def _read(path: Path, height: int, width: int) -> Pixels:
    try:
        with Image.open(path) as image:
            picture = np.asarray(image.convert("RGB"))
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError) as error:
        raise UsageError(f"[model] pictures: {path} cannot be read as a picture. Take it away") from error
    if picture.shape[0] < height or picture.shape[1] < width:
        sizes = f"{picture.shape[1]}×{picture.shape[0]}, and {width}×{height} are wanted"
        raise UsageError(f"[model] pictures: {path} is {sizes}. Take it away, or choose a smaller data.crop")
    return picture
