"""Which results need not be computed again: those that are there, whole, and of the very same run."""

from __future__ import annotations

from collections.abc import Sequence

from gifbench.errors import ResultsError, UsageError
from gifbench.evaluation.scoring_protocols import ScoringProtocol
from gifbench.evaluation.summary import metric_record, protocol_record
from gifbench.methods.registry import LoadedMethod
from gifbench.metrics.registry import LoadedMetric
from gifbench.provenance import code_record
from gifbench.results.io import Result, load_result
from gifbench.results.schema import DatasetRecord
from gifbench.storage import Folder


def present_result(
    folder: Folder,
    name: str,
    *,
    method: LoadedMethod,
    data: DatasetRecord,
    protocol: ScoringProtocol,
    metrics: Sequence[LoadedMetric],
    limit: int | None,
    seed: int,
) -> Result | None:
    """The result called `name` in `folder`, if a run with these values would write the same scores; else None.

    A file that is half written, was changed by hand, or is of another version, option, weights, code (the method's or
    gifbench's), dataset, limit, seed, protocol or list of metrics, is as good as missing. Raises `UsageError` for a
    folder that is not local.
    """
    if folder.local is None:
        raise UsageError(f"{folder.url}: what is missing can be told of a local folder only")
    path = folder.local / name
    if not path.is_file():
        return None
    try:
        result = load_result(path)
    except ResultsError:
        return None
    said, there = method.declared, result.method
    same = (
        (there.name, there.version, there.backend) == (method.name, said.version, said.backend)
        and there.options == dict(method.options)
        and (there.code_sha256, there.weights_sha256) == (method.code_sha256, method.weights_sha256)
        and result.dataset == data
        and result.protocol == protocol_record(protocol)
        and result.metrics == [metric_record(metric) for metric in metrics]
        and result.seeds.get("method") == seed
        and result.code is not None
        and result.code.sha256 == code_record().sha256
        and result.limit == limit
    )
    return result if same else None
