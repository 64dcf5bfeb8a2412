r"""Makes weights that come with gifbench of what a training wrote: half precision, and a card that says all.

    python benchmarks/release_weights.py runs/ccdnet-video/ccdnet-video.safetensors --media MEDIA \
        --out baselines/weights --hardware "one core of …, 70 minutes" --score "plain=ccdnet +0.3 dB"

For networks that `gifbench train` or `train_wide_gradients.py` trained on the dataset of `training_clips.py`, whose
files, licenses and credits the card names; the scores are those that `weights_by_kind.py` prints. Several files of
weights, of trainings that began alike, are averaged.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from gifbench_baselines.ccdnet.method import load_network
from gifbench_baselines.ccdnet.wide_gradients import WideGradients, WideGradientsOptions
from gifbench_baselines.temporal_fusion.network import TemporalFusion, TemporalFusionOptions
from gifbench_baselines.weights_lookup import described
from held_out import HELD_OUT
from torch import nn
from training_clips import PHOTOGRAPHS, sources

from gifbench import Weights, read_weights, save_weights

CONFIGURATIONS = {
    "ccdnet-video": "baselines/temporal_fusion/ccdnet-video.toml",
    "ccdnet-plain-gradients": "benchmarks/train_wide_gradients.py",
    "ccdnet-dithered-gradients": "benchmarks/train_wide_gradients.py --dithered",
}
"""What makes the weights of this name, where that is not a configuration in `baselines/ccdnet`."""


def data(media: Path) -> list[str]:
    """What was learned from: credit, license and names."""
    groups: dict[tuple[str, str], list[str]] = {}
    for source in sources(media):
        groups.setdefault((source.credit, source.licence), []).append(source.path.stem)
    lines = [f"{credit} ({licence}): {', '.join(names)}" for (credit, licence), names in groups.items()]
    free = ", ".join(PHOTOGRAPHS)
    return [*lines, f"photographs of scikit-image 0.26 (public domain, CC0, or no known restrictions): {free}"]


def average(files: Sequence[Weights]) -> Weights:
    """The mean of the weights of several trainings of one network."""
    first = files[0]
    mean = {name: torch.stack([each.tensors[name].float() for each in files]).mean(dim=0) for name in first.tensors}
    return Weights(first.path, first.architecture, first.about, mean)


def network_of(weights: Weights) -> nn.Module:
    """The network that the card describes, filled."""
    kind = str(weights.architecture.get("network"))
    kinds = {
        "temporal-fusion": (TemporalFusionOptions, TemporalFusion),
        "wide-gradients": (WideGradientsOptions, WideGradients),
    }
    return described(weights, *kinds[kind], what=kind) if kind in kinds else load_network(weights)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, nargs="+", help="files that trainings wrote")
    parser.add_argument("--media", type=Path, required=True, help="the folder of the test media")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--hardware", required=True)
    parser.add_argument("--score", action="append", default=[], metavar="WHAT=NUMBERS")
    given = parser.parse_args()
    trained = average([read_weights(path) for path in given.weights])
    about = trained.about
    name = about["name"]
    card = {
        "name": name,
        "licence": "CC-BY-SA-4.0",
        "attribution": "the clips and photographs under data; the weights hold none of their pictures",
        "data": data(given.media),
        "held_out": [*HELD_OUT, "split test of the media's SOURCES.csv"],
        "schedule": {
            "configuration": CONFIGURATIONS.get(name, f"baselines/ccdnet/{name}.toml"),
            "dataset": {"recipe": about["dataset"], "fingerprint": about["fingerprint"]},
            "steps": about["step"],
            "data": about["data"],
            "training": about["training"],
            "hardware": given.hardware,
        },
        "scores": {
            "protocol": "standard, clips kept back; benchmarks/weights_by_kind.py",
            **dict(score.split("=", 1) for score in given.score),
        },
    }
    out = given.out / f"{name}.safetensors"
    save_weights(out, network_of(trained), architecture=trained.architecture, about=card, half=True)
    print(f"{out}: {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
