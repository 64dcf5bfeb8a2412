"""Table 1's rows and the other ablations at one small budget: does the order come out as in the paper?

    python benchmarks/ablation.py --data DATASET [--steps 600] [--base 8] [--seeds 0 1 2] [--rows ccdnet-1 ccdnet-2]

Every row is trained from nothing for the same number of steps, on plain GIFs of the split `train` of DATASET, except
for its held-out clips (every fourth), and scored on those: all with networks of `--base` channels, squares of 64, batch
8, Adam at 1e-3 with a cosine. Rows over a first network have half of the steps for that one and half for themselves, so
that a CCDNet-2 sees no more than a CCDNet-1. A run that was stopped goes on with the same command, and rows that are
done are not trained again.

So small a budget says nothing about the paper's numbers; it is their order that is compared: pairs of rows that stand
in the same order in both, and every pair that does not. With several seeds a row's number is the mean over them, and
beside it stands how far the seeds are from each other, which is how much of a difference is chance.

With `--skip`, all of CCDNet's networks say what to change in the picture before them (`model.skip`, which is not of the
paper): without, a small budget goes into drawing the GIF anew, and every row ends far below it. Pix2Pix has no such
option.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from gifbench import Dataset, open_dataset
from gifbench.training.config import TrainingConfig, checked
from gifbench.training.training_loop import train

# What a row is, and what the paper's Table 1 says of it on plain GIFs, in dB; None where the paper says nothing.
ROWS: dict[str, tuple[dict[str, Any], float | None]] = {
    "ccdnet-drrn": ({"backbone": "drrn", "adversarial": 1.0}, 30.52),
    "ccdnet-glcic": ({"backbone": "glcic", "adversarial": 1.0}, 30.71),
    "ccdnet-1-adv": ({"adversarial": 1.0}, 32.23),
    "ccdnet-1-nograd": ({"adversarial": 1.0, "gradient": 0.0}, 31.20),
    "ccdnet-1": ({}, 32.83),
    "ccdnet-2-adv": ({"adversarial": 1.0, "steps": 2}, 32.65),
    "ccdnet-3-adv": ({"adversarial": 1.0, "steps": 3, "every_step": True}, 32.85),
    "ccdnet-2": ({"steps": 2}, 34.05),
    "ccdnet-3": ({"steps": 3, "every_step": True}, 33.75),
    "ccdnet-2 without f_C": ({"steps": 2, "embedded": False}, 33.40),
    "ccdnet-2-adv without f_C": ({"steps": 2, "embedded": False, "adversarial": 1.0}, 32.48),
    "pix2pix": ({}, 31.41),
    "ccdnet-2 end to end": ({"steps": 2}, None),
    "ccdnet-naf": ({"steps": 2, "backbone": "naf"}, None),
}
STAGED = ("ccdnet-2", "ccdnet-3")  # by the beginning of a name: over a first network that is frozen
ALONE = ("end to end", "naf")


class Bench:
    """Trains rows on one dataset at one budget."""

    def __init__(self, dataset: Dataset, given: argparse.Namespace, seed: int, *, skip: bool) -> None:
        self._dataset, self._given, self._seed, self._skip = dataset, given, seed, skip
        self.out: Path = given.out / f"seed-{seed}"
        clips = [clip.clip_id for clip in dataset.split("train")]
        self.held_out = clips[:: max(2, len(clips) // 4)]
        self._firsts: dict[bool, str] = {}

    def row(self, name: str) -> dict[str, float]:
        """Validation scores and steps of a row."""
        place = self.out / name.replace(" ", "-") / "score.json"
        if place.exists():
            found: dict[str, float] = json.loads(place.read_text())
            return found
        model, _ = ROWS[name]
        steps = self._given.steps
        if name.startswith(STAGED) and not any(each in name for each in ALONE):
            steps //= 2
            model = {**model, "start": self._first("adversarial" in model), "freeze_first": True}
        scores, _ = self.trained(name, model, steps)
        place.write_text(json.dumps(scores))
        return scores

    def _first(self, adversarial: bool) -> str:
        if adversarial not in self._firsts:
            model: dict[str, Any] = {"adversarial": 1.0} if adversarial else {}
            name = "first-adversarial" if adversarial else "first"
            self._firsts[adversarial] = self.trained(name, model, self._given.steps // 2)[1]
        return self._firsts[adversarial]

    def trained(
        self, name: str, model: dict[str, Any], steps: int, dithered: bool | str = False
    ) -> tuple[dict[str, float], str]:
        """Its validation scores with the seconds it took, and the file of weights."""
        begin = time.process_time()
        folder = self.out / name.replace(" ", "-")
        trained = train(self._config(name, model, steps, dithered), self._dataset, folder, resume=True)
        return {**trained.scores, "seconds": time.process_time() - begin}, str(trained.weights)

    def _config(self, name: str, model: dict[str, Any], steps: int, dithered: bool | str) -> TrainingConfig:
        crop = 256 if name == "pix2pix" else 64
        options = {
            "trainer": "pix2pix" if name == "pix2pix" else "ccdnet",
            "name": "row",
            "data": {
                "dithered": dithered,
                "crop": crop,
                "flips": True,
                "validation_clips": self.held_out,
                "validation_frames": 4,
                "samples_per_visit": 1024,
            },
            "training": {
                "steps": steps,
                "seed": self._seed,
                "learning_rate": 1e-3,
                "schedule": "cosine",
                "validate_every": 10**9,
                "precision": self._given.precision,
                "channels_last": True,
            },
            "model": {"base": self._given.base, **({} if name == "pix2pix" else {"skip": self._skip}), **model},
        }
        return checked(TrainingConfig, options, what=name)


def orders(found: dict[str, float]) -> tuple[int, list[str]]:
    """How many pairs of rows stand as in the paper, and those that do not."""
    known = [name for name in found if ROWS[name][1] is not None]
    same, other = 0, []
    for one, two in itertools.combinations(known, 2):
        paper = float(ROWS[one][1] or 0) - float(ROWS[two][1] or 0)
        ours = found[one] - found[two]
        if paper * ours > 0:
            same += 1
        else:
            other.append(f"{one} and {two}: {paper:+.2f} dB in the paper, {ours:+.2f} here")
    return same, other


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--base", type=int, default=8)
    parser.add_argument("--skip", action="store_true")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--out", type=Path, default=Path("results/ablation"))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    dataset = open_dataset(given.data)
    benches = [Bench(dataset, given, seed, skip=given.skip) for seed in given.seeds]
    found = {}
    print("| row | paper, dB | here, dB | seeds apart | over the GIF | seconds |\n|---|---|---|---|---|---|")
    for name in given.rows:
        scores = [bench.row(name) for bench in benches]
        psnrs = [each["psnr"] for each in scores]
        found[name], paper = fmean(psnrs), ROWS[name][1]
        print(
            f"| `{name}` | {'' if paper is None else f'{paper:.2f}'} | {found[name]:.2f} | "
            f"{max(psnrs) - min(psnrs):.2f} | {found[name] - scores[0]['gif_psnr']:+.2f} | "
            f"{sum(each['seconds'] for each in scores):.0f} |",
            flush=True,
        )
    same, other = orders(found)
    print(f"\n{same} of {same + len(other)} pairs stand as in the paper.")
    for line in other:
        print(f"- {line}")


if __name__ == "__main__":
    main()
