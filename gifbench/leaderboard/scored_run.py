"""One results file, reduced to what a page shows: the value that tables, plots and pages are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gifbench.leaderboard.safe_names import slug, visible
from gifbench.results.dataframe import GIF_METHOD


@dataclass(frozen=True, slots=True)
class MeanScore:
    """The mean over the clips, and its 95% interval where one is known.

    `capped` counts the clips or frames whose infinite PSNR entered the mean as 100 dB.
    """

    mean: float
    low: float | None = None
    high: float | None = None
    capped: int = 0


@dataclass(frozen=True, slots=True)
class MetricMean:
    """The mean of a metric beside PSNR and SSIM, and what it means.

    `better` is higher or lower, `unit` may be empty, `spec` is the definition in words and `sha256` stands for it;
    `clips` is how many had a value, None where all had.
    """

    score: MeanScore
    better: str
    unit: str
    spec: str
    sha256: str
    clips: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One results file, reduced to what a page shows.

    `clip_scores` holds PSNR and SSIM by clip id; `seconds` is the time spent inside the method, None where unknown;
    `official` the clips of the official list, 0 where unknown, and `covered` how many of these were scored. `facts` are
    lines for the method's card, `weights` the hash of its weights, `parameters` how many numbers were learned, `origin`
    where the method was loaded from, `created` when it was run (ISO 8601), `limit` the number of clips that the run was
    limited to, `too_short` how many clips were skipped because they are shorter than one segment. `measures` are the
    chosen metrics by name, `clip_measures` their values by clip id and name. `definition` stands for the protocol as
    the run defines it: two protocols of one name and other definitions are two. `identity` is the sha256 of the method
    and its device, empty in files of earlier versions, `code` that of its source. `maker` says who made the GIFs, with
    the version, empty where they are the dataset's own.
    """

    method: str
    version: str
    options: Mapping[str, object]
    dataset: str
    fingerprint: str
    split: str
    task: str
    protocol: str
    clips: int
    frames: int
    official: int
    covered: int
    psnr: MeanScore
    ssim: MeanScore
    seconds: float | None
    clip_scores: Mapping[str, tuple[float, float]]
    facts: Mapping[str, str]
    weights: str = ""
    parameters: int = 0
    origin: str = ""
    device: str = ""
    created: str = ""
    limit: int | None = None
    too_short: int = 0
    definition: str = ""
    identity: str = ""
    code: str = ""
    maker: str = ""
    measures: Mapping[str, MetricMean] = field(default_factory=dict)
    clip_measures: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)

    @property
    def method_key(self) -> str:
        """What tells two methods apart: the identity; in earlier files name, version, options and weights."""
        if self.identity:
            return f"{self.method}\n{self.identity}"
        options = ",".join(f"{name}={value!r}" for name, value in sorted(self.options.items()))
        return f"{self.method}\n{self.version}\n{options}\n{self.weights}"

    @property
    def label(self) -> str:
        """The method as it is shown, safe for one line of text (not yet escaped for HTML)."""
        return visible(self.method)

    @property
    def detail(self) -> str:
        """Version and weights, for the line below the name; empty where there are none."""
        parts = [f"version {self.version}"] if self.version else []
        parts += [f"weights {self.weights[:8]}"] if self.weights else []
        return visible("; ".join(parts), limit=120) if parts else ""

    @property
    def full_detail(self) -> str:
        """`detail` with all that can tell runs of one name apart."""
        parts = [part for part in (self.detail, *self._facts) if part]
        return visible("; ".join(parts), limit=160) if parts else ""

    def detail_among(self, others: Sequence[Run]) -> str:
        """`detail`, and in what this run differs from `others` of the same name: options, origin, device, code."""
        apart = [
            mine
            for place, mine in enumerate(self._facts)
            if mine and any(other._facts[place] != mine for other in others)
        ]
        parts = [part for part in (self.detail, *apart) if part]
        return visible("; ".join(parts), limit=160) if parts else ""

    @property
    def _facts(self) -> tuple[str, ...]:
        """What tells runs of one name apart, each as it is shown."""
        options = ", ".join(f"{name}={value}" for name, value in sorted(self.options.items()))
        code = f"code {self.code[:8]}" if self.code else ""
        identity = f"identity {self.identity[:8]}" if self.identity else ""
        return options, self.origin, self.device, code, identity

    @property
    def kind(self) -> str:
        """`learned`, `fixed` (nothing is learned), or `outside`: a program or a submission, of which nobody knows."""
        if self.parameters or self.weights:
            return "learned"
        return "outside" if self.origin in ("a command", "a submission") else "fixed"

    @property
    def is_gif(self) -> bool:
        """Whether it is the GIF itself, unrestored."""
        return self.method == GIF_METHOD

    @property
    def method_slug(self) -> str:
        """The method's name in files and anchors."""
        return slug(self.method, key=self.method_key)

    @property
    def frames_per_second(self) -> float | None:
        """Frames restored a second, None where the time is not known."""
        return self.frames / self.seconds if self.seconds else None
