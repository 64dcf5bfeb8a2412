"""How a page names and writes the measures that a results file may hold beside PSNR and SSIM."""

from __future__ import annotations

from dataclasses import dataclass

from gifbench.leaderboard.names import visible


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure's heading, what it says in one line, and with how many digits it is written."""

    label: str
    about: str
    digits: int


_KNOWN = {
    "ms_ssim": Measure("MS-SSIM", "structure over five scales; higher is better", 3),
    "gradient": Measure("Gradient error", "false contours and lost edges; lower is better", 2),
    "requantisation": Measure("|f(I) − G|", "how far its redrawn GIF is from the GIF; lower is better", 2),
    "delta_e": Measure("ΔE2000", "colour difference as eyes see it; lower is better", 2),
    "flat": Measure("Flat area", "share of pixels without any gradient; nearest to the truth is best", 3),
    "e_warp": Measure("E_warp", "how unsteady it is, along the truth’s motion; lower is better", 4),
    "tof": Measure("tOF", "error of the motion, in pixels; lower is better", 3),
    "lpips": Measure("LPIPS", "perceptual distance; lower is better", 3),
    "dists": Measure("DISTS", "perceptual distance of structure and texture; lower is better", 3),
}


def measure(name: str) -> Measure:
    """The measure of that name in the results; one that is not known is shown under its own name."""
    return _KNOWN.get(name, Measure(visible(name, limit=24), "a measure that the results hold", 4))
