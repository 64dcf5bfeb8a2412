r"""Makes weights that come with gifbench of what a training wrote: half precision, and a card that says all.

    python benchmarks/release_weights.py runs/ccdnet-plain/ccdnet-plain.safetensors --out baselines/weights \
        --hardware "one core of …, 70 minutes" --score "faces, plain=GIF 32.94 dB, +3.14; SSIM .903 to .963"

For networks trained on the dataset of `training_clips.py`; the scores are those that `shipped_weights.py` prints.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from gifbench_baselines.ccdnet.networks import load_network
from held_out import HELD_OUT
from training_clips import PHOTOGRAPHS

from gifbench import read_weights, save_weights

DATA = (
    "GRID corpus (CC-BY-4.0): bbaf2n, brbk7n, id2_swwp2s, lbax4n, pwij3p",
    "Intel open model zoo, sign language samples (CC-BY-4.0): again, eat, sister, yes",
    "Intel sample videos (CC-BY-4.0): bottle-detection, one-by-one-person-detection",
    "MDN learning area and shared assets (CC0-1.0): crystal, elf, frog, flower",
    "Big Buck Bunny, Blender Foundation (CC-BY-3.0): three encodings",
    "OpenCV documentation (Apache-2.0): box",
    "moviepy (MIT): testcard",
    f"photographs of scikit-image 0.26 (public domain, CC0, or no known restrictions): {', '.join(PHOTOGRAPHS)}",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, help="the file that a training wrote")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--hardware", required=True)
    parser.add_argument("--score", action="append", default=[], metavar="WHAT=NUMBERS")
    given = parser.parse_args()
    trained = read_weights(given.weights)
    about = trained.about
    card = {
        "name": about["name"],
        "licence": "CC-BY-4.0",
        "attribution": "the clips and photographs under data; the weights hold none of their pictures",
        "data": DATA,
        "held_out": HELD_OUT,
        "schedule": {
            "configuration": f"baselines/ccdnet/{about['name']}.toml",
            "dataset": {"recipe": about["dataset"], "fingerprint": about["fingerprint"]},
            "steps": about["step"],
            "data": about["data"],
            "training": about["training"],
            "hardware": given.hardware,
        },
        "scores": {
            "protocol": "standard, 6 frames a clip, held-out clips; benchmarks/shipped_weights.py",
            **dict(score.split("=", 1) for score in given.score),
        },
    }
    out = given.out / given.weights.name
    save_weights(out, load_network(trained), architecture=trained.architecture, about=card, half=True)
    print(f"{out}: {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
