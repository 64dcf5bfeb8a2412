"""Croissant metadata of a dataset: `croissant.json`, which says what the files are and how the index is read.

The record set `clips` is the index. The shards are described and not read through: Croissant's readers unpack an
archive into a cache that knows it by its relative path alone, where the shards of two datasets are the same; a row of
the index says where a member's bytes lie.

The format is that of http://mlcommons.org/croissant/1.0.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pyarrow as pa

from gifbench.dataset.columns import COLUMNS, Column
from gifbench.dataset.dataset_reader import Dataset

PAPER = (
    "Yang Wang, Haibin Huang, Chuan Wang, Tong He, Jue Wang, Minh Hoai. GIF2Video: Color Dequantization and Temporal "
    "Interpolation of GIF Images. CVPR 2019. https://arxiv.org/abs/1901.02840"
)


def _own(*terms: str) -> dict[str, str]:
    """Terms that are called in Croissant's own vocabulary as they are here."""
    return {term: f"cr:{term}" for term in terms}


_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **_own("citeAs", "column"),
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    **_own("equivalentProperty"),
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **_own("extract", "field", "fileObject", "fileProperty", "fileSet", "format", "includes", "isLiveDataset"),
    **_own("jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex", "repeated", "replace"),
    **_own("samplingRate"),
    "sc": "https://schema.org/",
    **_own("separator", "source", "subField", "transform"),
}


def croissant(dataset: Dataset, *, title: str, description: str, licence: str, url: str, published: str) -> bytes:
    """`croissant.json` for a dataset, the same bytes for the same dataset and arguments.

    `licence` is an address or a name; `url` is where the dataset is published and `published` the day, "2026-08-31",
    each "" if it is not.
    """
    document = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": title,
        "description": description,
        "license": licence,
        **({"url": url} if url else {}),
        **({"datePublished": published} if published else {}),
        # Croissant wants numbers between dots; what stands behind a plus says which build it is.
        "version": f"1.0.0+{dataset.fingerprint}",
        "citeAs": PAPER,
        "keywords": ["gif", "video restoration", "color dequantization", "dithering"],
        "distribution": _files(dataset),
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "clips",
                "name": "clips",
                "description": "A record a clip.",
                "key": {"@id": "clips/clip_id"},
                "field": [_field(column) for column in COLUMNS],
            }
        ],
    }
    return json.dumps(document, indent=1).encode() + b"\n"


def _files(dataset: Dataset) -> list[dict[str, Any]]:
    index = dataset.folder.read("index.parquet")
    return [
        {
            "@type": "cr:FileObject",
            "@id": "index.parquet",
            "name": "index.parquet",
            "description": "A row a clip: where it comes from, and where its members lie.",
            "contentUrl": "index.parquet",
            "contentSize": f"{len(index)} B",
            "encodingFormat": "application/x-parquet",
            "sha256": hashlib.sha256(index).hexdigest(),
        },
        {
            "@type": "cr:FileSet",
            "@id": "shards",
            "name": "shards",
            "description": "Tars as WebDataset reads them: truth, GIF, dithered GIF and description of each clip, or "
            "truth and description where GIFs are made when they are read.",
            "encodingFormat": "application/x-tar",
            "includes": "shards/*.tar",
        },
    ]


def _field(column: Column) -> dict[str, Any]:
    repeated = pa.types.is_list(column.type)
    kind = column.type.value_type if repeated else column.type
    data_type = "sc:Text" if pa.types.is_string(kind) else "sc:Float" if pa.types.is_floating(kind) else "sc:Integer"
    return {
        "@type": "cr:Field",
        "@id": f"clips/{column.name}",
        "name": column.name,
        "description": column.meaning,
        "dataType": data_type,
        **({"repeated": True} if repeated else {}),
        "source": {"fileObject": {"@id": "index.parquet"}, "extract": {"column": column.name}},
    }
