"""Tables 1 and 2 of the GIF2Video paper, as data: what its authors reported, and which method here is which row.

Wang et al., "GIF2Video: Color Dequantization and Temporal Interpolation of GIF images", CVPR 2019. The numbers are PSNR
in dB and SSIM, means over the clips of the test split, with GIFs of 32 colors, under the protocol `gif2video`. They
carry no intervals and no per-clip scores, so they stand beside measured rows and never share a rank.
"""

from __future__ import annotations

from pathlib import Path

from gifbench import PaperTables, ReportedRow

FACES, MOMENTS = "gif-faces", "gif-moments"

Pair = tuple[float, float]
"""PSNR in dB and SSIM, as printed."""

TABLE_1: tuple[tuple[int, str, Pair, Pair | None], ...] = (
    (1, "DRRN-1", (30.52, 0.874), None),
    (2, "GLCIC-1", (30.71, 0.883), None),
    (3, "UNet-1", (32.23, 0.907), (33.72, 0.940)),
    (4, "UNet-1 (no grad loss)", (31.20, 0.884), (32.68, 0.927)),
    (5, "UNet-1 (no adv loss)", (32.83, 0.918), (33.90, 0.944)),
    (6, "UNet-2", (32.65, 0.911), (34.31, 0.943)),
    (7, "UNet-3", (32.85, 0.917), (34.43, 0.945)),
    (8, "UNet-2 (no adv loss)", (34.05, 0.928), (35.63, 0.956)),
    (9, "UNet-3 (no adv loss)", (33.75, 0.927), (34.59, 0.950)),
    (10, "Pix2Pix", (31.41, 0.895), (32.80, 0.925)),
    (11, "FCDR", (31.51, 0.878), None),
    (12, "Gaussian σ=0.5", (31.36, 0.876), (31.20, 0.873)),
    (13, "Gaussian σ=1.0", (29.26, 0.797), (29.75, 0.815)),
    (14, "GIF (palette 32)", (30.99, 0.868), (28.21, 0.746)),
)
"""GIF-Faces, every test frame: row, method, (PSNR, SSIM) without dithering and with it, None where not reported."""

TABLE_2: tuple[tuple[int, Pair, Pair, Pair, Pair], ...] = (
    (1, (30.99, 0.868), (34.05, 0.928), (33.71, 0.902), (36.10, 0.948)),
    (2, (30.02, 0.857), (33.27, 0.921), (29.05, 0.859), (31.92, 0.918)),
    (4, (29.01, 0.842), (32.08, 0.908), (26.16, 0.812), (28.38, 0.865)),
    (8, (27.41, 0.815), (30.20, 0.884), (23.29, 0.751), (24.95, 0.800)),
)
"""k of the rate 1/k, then Faces GIF, Faces GIF2Video, Moments GIF, Moments GIF2Video. GIFs without dithering."""

NOTES = {
    (FACES, "plain-1"): "104 test clips, every frame scored.",
    (FACES, "dithered-1"): "104 test clips, every frame scored.",
    (MOMENTS, "plain-1"): "Test split, every tenth frame scored.",
}
"""What a reader should know of the reported rows, for (dataset, task)."""

LEARNED_ROWS = {
    "1": "ccdnet-drrn",
    "2": "ccdnet-glcic",
    "3": "ccdnet-1-adv",
    "4": "ccdnet-1-nograd",
    "5": "ccdnet-1",
    "6": "ccdnet-2-adv",
    "7": "ccdnet-3-adv",
    "8": "ccdnet-2",
    "9": "ccdnet-3",
    "10": "pix2pix",
}
FIXED_ROWS = {"11": "fcdr", "12": "gaussian-0.5", "13": "gaussian-1.0", "14": "gif"}
"""The methods of Table 1 by the number of their row: those that need weights, and the others."""

COLOR, TIME = "ccdnet-2", "superslomo"
"""What the paper's Table 2 calls GIF2Video: the network of row 8 of Table 1, and the interpolator."""


def reported() -> tuple[ReportedRow, ...]:
    """Every cell of both tables."""
    rows = []
    for number, method, *variants in TABLE_1:
        for task, pair in zip(("plain-1", "dithered-1"), variants, strict=True):
            if pair is not None:
                key = str(number)
                rows.append(ReportedRow(1, key, method, FACES, task, *pair, key=key, protocol="gif2video"))
    for factor, *cells in TABLE_2:
        columns = ((FACES, "GIF"), (FACES, "GIF2Video"), (MOMENTS, "GIF"), (MOMENTS, "GIF2Video"))
        for (dataset, method), pair in zip(columns, cells, strict=True):
            task = f"plain-{factor}"
            rows.append(ReportedRow(2, f"1/{factor}", method, dataset, task, *pair, key=method, protocol="gif2video"))
    return tuple(rows)


def method_of(row: ReportedRow, runs: Path | None) -> tuple[str, str]:
    """The method that is run for a row, and what a person does where it has no weights; empty where it needs none.

    Weights of trainings below `runs` are taken where they are there.
    """
    dithered = row.task.startswith("dithered")
    if row.table == 2 and row.method == "GIF":
        return "gif" if row.task == "plain-1" else "nearest", ""
    if row.table == 2 and row.task != "plain-1":
        trained = "superslomo-moments" if row.dataset == MOMENTS else TIME
        color, time = _with_weights(COLOR, COLOR, runs), _with_weights(TIME, trained, runs)
        needs = f"{_training(COLOR, COLOR)}; {_training(TIME, trained)}"
        return f"gif2video:color=[{color}],time=[{time}]", needs
    name = COLOR if row.table == 2 else LEARNED_ROWS.get(row.row)
    if name is None:
        return FIXED_ROWS[row.row], ""
    trained = f"{name}-dithered" if dithered else name
    return _with_weights(name, trained, runs), _training(name, trained)


def _with_weights(name: str, trained: str, runs: Path | None) -> str:
    """The method with the weights of the training `trained`: those below `runs`, or else those of the package."""
    for path in (f"{trained}/{trained}", f"{trained}/{name}", trained):
        if runs is not None and (file := runs / f"{path}.safetensors").is_file():
            return f"{name}:weights={file}"
    return name if name == trained else f"{name}:weights={trained}"


def _training(name: str, trained: str) -> str:
    """The command that makes those weights, and what to do then."""
    config, more = trained, ""
    if trained.endswith("-dithered"):
        config, more = name, " --set data.dithered=true"
        more += " --set model.embedded=false" if name.startswith(("ccdnet-2", "ccdnet-3")) else ""
    return f"gifbench train {config} --data DATASET{more} --out runs/{trained}, then --runs runs"


BUNDLED = {
    **{f"{variant}-1": "ccdnet" for variant in ("plain", "dithered")},
    **{f"plain-{every}": "gif2video" for every in (2, 4, 8)},
}
"""What comes with its weights, for each task of the tables."""

TABLES = PaperTables(
    rows=reported(), method_of=method_of, citation="GIF2Video (Wang et al., CVPR 2019)", notes=NOTES, bundled=BUNDLED
)
"""What the entry point of pyproject.toml offers."""
