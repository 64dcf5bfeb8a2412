"""Tables 1 and 2 of the GIF2Video paper, as data: what its authors reported, not what gifbench measured.

Wang et al., "GIF2Video: Color Dequantization and Temporal Interpolation of GIF images", CVPR 2019. The numbers are PSNR
in dB and SSIM, means over the clips of the test split, with GIFs of 32 colors, under the protocol that gifbench calls
`gif2video`. They carry no intervals and no per-clip scores, so they stand beside measured rows and never share a rank.
"""

from __future__ import annotations

from dataclasses import dataclass

PROTOCOL = "gif2video"
SPLIT = "test"
FACES, MOMENTS = "gif-faces", "gif-moments"

Pair = tuple[float, float]
"""PSNR in dB and SSIM, as printed."""


@dataclass(frozen=True, slots=True)
class ReportedRow:
    """One cell of the paper that a table of gifbench can stand beside.

    `table` is 1 or 2; `row` is the row's number in Table 1, or the rate ("1/4") in Table 2; `method` is the name that
    the paper gives it. `dataset` and `task` say which of our tables it belongs to.
    """

    table: int
    row: str
    method: str
    dataset: str
    task: str
    psnr: float
    ssim: float

    @property
    def where(self) -> str:
        """The place in the paper, for people: "Table 1, row 8"."""
        return f"Table {self.table}, {'row' if self.table == 1 else 'rate'} {self.row}"


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


def _rows() -> tuple[ReportedRow, ...]:
    rows = []
    for number, method, *variants in TABLE_1:
        for task, pair in zip(("plain-1", "dithered-1"), variants, strict=True):
            if pair is not None:
                rows.append(ReportedRow(1, str(number), method, FACES, task, *pair))
    for factor, *cells in TABLE_2:
        columns = ((FACES, "GIF"), (FACES, "GIF2Video"), (MOMENTS, "GIF"), (MOMENTS, "GIF2Video"))
        for (dataset, method), pair in zip(columns, cells, strict=True):
            rows.append(ReportedRow(2, f"1/{factor}", method, dataset, f"plain-{factor}", *pair))
    return tuple(rows)


REPORTED = _rows()
"""Every cell of both tables."""


def reported_rows(*, dataset: str, split: str, task: str, protocol: str) -> tuple[ReportedRow, ...]:
    """The paper's rows that may stand beside a table of ours; empty where the paper has none.

    Only the protocol `gif2video` on the test split of `gif-faces` or `gif-moments` has any. Table 2 repeats two rows of
    Table 1 (Faces at rate 1/1); they are given once, as Table 1 names them.
    """
    if protocol != PROTOCOL or split != SPLIT:
        return ()
    here = [row for row in REPORTED if (row.dataset, row.task) == (dataset, task)]
    first = min((row.table for row in here), default=0)
    return tuple(row for row in here if row.table == first)
