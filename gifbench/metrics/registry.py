"""Finding a metric by name, among those that gifbench has, installed ones, or in a file, and giving it its options."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from gifbench.did_you_mean import known_names
from gifbench.entry_points import entry_points
from gifbench.errors import GifbenchError, MetricError, UsageError
from gifbench.method_source_hash import source_code, source_file
from gifbench.methods.audit_hook import Watch
from gifbench.methods.loaded_method import facts_sha256
from gifbench.methods.method_state_hash import content_sha256, full_option
from gifbench.methods.options import FILE, Spec, complete_options, parse_spec, read_options
from gifbench.metrics.metric import Described, Metric
from gifbench.text_redaction import displayed
from gifbench.user_code_import import file_class, import_errors, import_file, one_line

GROUP = "gifbench.metrics"
"""The entry points by which an installed package offers metrics."""

ALWAYS = ("psnr", "ssim")
"""Measured in every run, as the protocol defines them."""

OWN = {
    "ms-ssim": "gifbench.metrics.ms_ssim:MsSsim",
    "gradient": "gifbench.metrics.gradient:GradientError",
    "requantized": "gifbench.metrics.requantization_error:Requantized",
    "delta-e": "gifbench.metrics.delta_e:DeltaE",
    "flat": "gifbench.metrics.banding:FlatShare",
    "e-warp": "gifbench.metrics.warping_error_tof:WarpError",
    "tof": "gifbench.metrics.warping_error_tof:FlowDifference",
    "lpips": "gifbench.metrics.lpips:Lpips",
    "dists": "gifbench.metrics.dists:Dists",
}
"""The metrics that come with gifbench, each imported when it is first asked for."""

FORMER = {"requantised": "requantized"}
"""Names of earlier versions, which are still read."""

_NAME = re.compile(r"[a-z][a-z0-9.+-]{0,31}")
_FIRST_NAMES = {new: old for old, new in FORMER.items()}
_RESERVED = frozenset({*ALWAYS, "clip_id", "frames", "capped", "seconds"})


@dataclass(frozen=True, slots=True, eq=False)
class LoadedMetric:
    """A metric, ready to measure, and what results say of it.

    `name` is canonical, options included where they are not the default. `sha256` is of everything that the number
    depends on: the definition in words, the options, the version, the code of a metric from elsewhere, the weights.
    `unknown` says why that is not all; it is empty where it is.
    """

    name: str
    metric: Metric = field(repr=False)
    described: Described
    sha256: str
    source: str = field(default="", repr=False)
    """How another process loads it: the text that it was loaded from."""
    unknown: tuple[str, ...] = ()
    own: bool = False
    """Whether it comes with gifbench: those never write to what they measure, others are given copies."""
    watch: Watch = field(default_factory=Watch, repr=False, compare=False)
    """Notices what it does besides, as that of a method does."""


@dataclass(frozen=True, slots=True)
class ListedMetric:
    """A line of `gifbench metrics`; `problem` says why a metric cannot be loaded, None where it can."""

    name: str
    origin: str
    described: Described
    problem: str | None = None


def load_metrics(texts: Iterable[str]) -> tuple[LoadedMetric, ...]:
    """The metrics named in `texts`, each once, without those that are always measured.

    Each is a name, a name with options (`lpips:backbone=alexnet.pth`), or a file (`mine.py:Mine`). Raises `UsageError`
    for an unknown name or option, or two different metrics of one name; `MetricError` for one that cannot be loaded.
    """
    loaded: dict[str, LoadedMetric] = {}
    for text in texts:
        if text in ALWAYS:
            continue
        metric = load_metric(text)
        if metric.name in loaded and loaded[metric.name].sha256 != metric.sha256:
            raise UsageError(f"two metrics are called {metric.name}; rename one")
        loaded[metric.name] = metric
    return tuple(loaded.values())


def load_metric(text: str) -> LoadedMetric:
    """Load one metric; see `load_metrics`."""
    if found := FILE.fullmatch(text):
        path = Path(found["path"])
        watch = Watch()
        with watch.looking(known=True):
            module = import_file(path, kind="metric", error=MetricError)
        factory = file_class(module, path, found["name"], kind="metric", calls=("measure",))
        name = getattr(factory, "name", factory.__name__.lower())
        return _set_up(str(name), factory, parse_spec(f"{name}{found['options'] or ''}"), text, watch)
    spec = parse_spec(text)
    spec = Spec(FORMER.get(spec.name, spec.name), spec.options)
    points = _entries()
    if spec.name not in points:
        known = [*ALWAYS, *OWN, *sorted(points.keys() - OWN.keys())]
        raise UsageError(f'there is no metric "{spec.name}": {known_names(spec.name, known)}')
    return _set_up(spec.name, _class_of(points[spec.name]), spec, text, Watch(), own=spec.name in OWN)


def list_metrics() -> list[ListedMetric]:
    """All metrics that can be named, those of gifbench first; one that cannot be loaded says why."""
    listed = []
    for name, point in _entries().items():
        origin = "gifbench" if name in OWN else point.value
        try:
            listed.append(ListedMetric(name, origin, _described(_class_of(point), name)))
        except GifbenchError as error:
            listed.append(ListedMetric(name, origin, Described(""), problem=str(error)))
    return listed


def _entries() -> dict[str, EntryPoint]:
    """Where each metric that has a name is: those of gifbench, which nobody can replace, then installed ones."""
    own = {name: EntryPoint(name, value, GROUP) for name, value in OWN.items()}
    return own | {point.name: point for point in entry_points(group=GROUP) if point.name not in OWN}


def _class_of(point: EntryPoint) -> Callable[..., Any]:
    with import_errors(f"metric {point.name}", MetricError):
        found: Callable[..., Any] = point.load()
    return found


def _set_up(
    name: str, factory: Callable[..., Any], spec: Spec, text: str, watch: Watch, *, own: bool = False
) -> LoadedMetric:
    if not _NAME.fullmatch(name) or name in _RESERVED:
        raise MetricError(f"{name[:80]!r} cannot name a metric: a small letter, then up to 31 of a-z 0-9 . + -")
    given = read_options(spec.name, factory, spec.options, kind="metric")
    try:
        with nullcontext() if own else watch.looking(known=True):
            metric = factory(**given)
    except GifbenchError:
        raise
    except (Exception, SystemExit) as error:
        raise MetricError(f"metric {name} cannot be set up: {one_line(error)}") from error
    if not isinstance(metric, Metric):
        raise MetricError(f"metric {name}: the class {type(metric).__name__} has no measure(pair)")
    described = _described(metric, name)
    complete = complete_options(factory, given)
    options = {key: displayed(value) for key, value in complete.items()}
    defaults = {key: displayed(value) for key, value in complete_options(factory, {}).items()}
    changed = [f"{key}={value}" for key, value in options.items() if defaults.get(key, ...) != value]
    code = None if own else source_code(source_file(factory), name=getattr(factory, "__name__", None))
    weights = [content_sha256(path) for path in described.weights]
    facts: dict[str, Any] = {
        "name": _FIRST_NAMES.get(name, name),
        "spec": described.spec,
        "version": described.version,
        "options": options,
        "code": code and code.sha256,
        "weights": weights,
    }
    full = {key: full_option(value) for key, value in complete.items()}
    watch.also_read(code.files if code else ())
    unknown = [*(code.unknown if code else ()), *(why for _, why in full.values() if why), *watch.reasons]
    # Files beside the weights that the metric declares; where there are none the hash is that of earlier versions.
    files = {
        key: value for key, (value, _) in full.items() if isinstance(value, dict) and value.get("sha256") not in weights
    }
    if files:
        facts["files"] = files
    declared = {*weights, *(each.get("sha256") for each in files.values())}
    if read := sorted({*watch.files.values()} - declared):
        facts["read"] = read
    canonical = f"{name}:{','.join(changed)}"[:200] if changed else name
    return LoadedMetric(
        canonical, metric, described, facts_sha256(facts), text, tuple(dict.fromkeys(unknown)), own, watch
    )


def _described(source: object, name: str) -> Described:
    better: Any = getattr(source, "better", "higher")
    if better not in ("higher", "lower"):
        raise MetricError(f'metric {name}: better is "higher" or "lower", not {str(better)[:40]!r}')
    weights = getattr(source, "weights", ())
    return Described(
        spec=" ".join(str(getattr(source, "spec", "") or inspect.getdoc(source) or "").split())[:2000],
        better=better,
        unit=str(getattr(source, "unit", ""))[:40],
        version=str(getattr(source, "version", ""))[:80],
        weights=tuple(str(path) for path in weights) if isinstance(weights, list | tuple) else (),
    )
