"""Figure 6's question: one network for plain and dithered GIFs, or two and a classifier that chooses?

    python benchmarks/joint.py --data DATASET [--steps 600] [--base 8] [--seeds 0 1 2]

Row 5's network (`ccdnet-1`, with `model.skip`, see `ablation.py`, whose budget and held-out clips these are) is trained
on plain GIFs, on dithered ones, and on both (`ccdnet-joint`), the last for as many steps as one of the two and for as
many as both together. A column is what is gained over the GIF in dB on clips left out, six frames of each, the mean
over seeds; "two, by the router" is the first two networks behind `ccdnet` with the classifier that comes with gifbench.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import fmean

import torch
from ablation import Bench
from classical import Clips, Restore, Shot, mean_psnr, shots
from shipped_weights import routed

from gifbench import DatasetClip, Pixels, load_method, open_dataset

NETWORKS: dict[str, tuple[bool | str, int]] = {
    "plain": (False, 1),
    "dithered": (True, 1),
    "both": ("both", 1),
    "both, twice the steps": ("both", 2),
}
ROUTED = "two, by the router"
CLASSIFIER = Path(__file__).parent.parent / "baselines" / "weights" / "dither-classifier.safetensors"
FRAMES = 6

Parts = dict[bool, Clips]


def gains(bench: Bench, steps: int, clips: list[DatasetClip], parts: Parts) -> dict[tuple[str, bool], float]:
    """What each network gains over the GIF in dB, on plain and on dithered clips."""
    found: dict[tuple[str, bool], float] = {}
    folder = bench.out / "router"
    folder.mkdir(parents=True, exist_ok=True)
    link(folder / CLASSIFIER.name, CLASSIFIER)
    for name, (dithered, times) in NETWORKS.items():
        _, weights = bench.trained(name.replace(",", "").replace(" ", "-"), {}, times * steps, dithered)
        link(folder / f"ccdnet-{name}.safetensors", Path(weights))
        for kind, part in parts.items():
            found[name, kind] = gain(network(weights), part)
    for kind, part in parts.items():
        found[ROUTED, kind] = gain(routed(f"ccdnet:weights={folder}", clips, dithered=kind, num_frames=FRAMES), part)
    return found


def network(weights: str) -> Restore:
    method = load_method(f"ccdnet-1:weights={weights}").method

    def restore(shot: Shot) -> Pixels:
        restored: torch.Tensor = method.restore_frames(torch.tensor(shot.shown)[None], [torch.tensor(shot.palette)])
        return restored[0].detach().numpy()

    return restore


def link(place: Path, file: Path) -> None:
    place.unlink(missing_ok=True)
    place.symlink_to(file.resolve())


def gain(restore: Restore, part: Clips) -> float:
    return mean_psnr(restore, part) - mean_psnr(lambda shot: shot.shown, part)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--base", type=int, default=8)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--out", type=Path, default=Path("results/joint"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    dataset = open_dataset(given.data)
    benches = [Bench(dataset, given, seed, skip=True) for seed in given.seeds]
    clips = [dataset[clip_id] for clip_id in benches[0].held_out]
    parts = {kind: shots(clips, dithered=kind, num_frames=FRAMES) for kind in (False, True)}
    found = [gains(bench, given.steps, clips, parts) for bench in benches]
    print("| trained on | plain | seeds apart | dithered | seeds apart |\n|---|---|---|---|---|")
    for name in [*NETWORKS, ROUTED]:
        columns = [[each[name, kind] for each in found] for kind in parts]
        cells = " | ".join(f"{fmean(column):+.2f} | {max(column) - min(column):.2f}" for column in columns)
        print(f"| {name} | {cells} |")


if __name__ == "__main__":
    main()
