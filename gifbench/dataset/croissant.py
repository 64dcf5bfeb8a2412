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

from gifbench.dataset.reader import Dataset
from gifbench.dataset.shards import INDEX_SCHEMA

PAPER = (
    "Yang Wang, Haibin Huang, Chuan Wang, Tong He, Jue Wang, Minh Hoai. GIF2Video: Color Dequantization and Temporal "
    "Interpolation of GIF Images. CVPR 2019. https://arxiv.org/abs/1901.02840"
)

COLUMNS = {
    "clip_id": "The clip's name; its members in the shard begin with it.",
    "split": "train, validation or test.",
    "source": "The kind of place that the clip comes from.",
    "locator": "Where there: a file, an address, a video's id.",
    "source_sha256": "Of the whole source file.",
    "start_seconds": "Where the clip begins in its source.",
    "end_seconds": "When its last frame ends there.",
    "frames": "How many frames the truth and each GIF have.",
    "fps": "Frames a second, as text; exact where ticks is null.",
    "time_base": "The unit of ticks, in seconds, as text.",
    "ticks": "The frames' times and the clip's end, where the rate varies.",
    "width": "Pixels.",
    "height": "Pixels.",
    "crop": "x, y, width and height in source pixels.",
    "licence": "The licence of the source, as its manifest says it.",
    "pixels_sha256": "Of the truth's RGB frames, one after the other.",
    "shard": "The tar that holds the clip's members.",
    "truth_first": "The clip's first frame among the pictures of the truth; null where the truth is lossless.",
    "truth_filter": "What resizes the truth; null where it is lossless.",
    "truth_jpeg": "The JPEG quality that the truth goes through; null where there is none.",
    "gif_colors": "Colors a frame of the GIFs, where they are made when they are read; null where they are members.",
    "gif_quantizer": "How the palettes of such GIFs are chosen.",
    "gif_kmeans_steps": "Steps of k-means after that.",
    "gif_maker": "A signature of what made them, by which another maker is known.",
    "gif_delays": "How long each frame of them is shown, in hundredths of a second, where the times do not say it.",
    "pixel_aspect": "How wide a stored pixel of the source is shown for its height; null where pixels are square.",
}
"""What each column of the index is; those of the members follow from their names."""

_OF_MEMBER = {
    "offset": "Where the bytes of the {} begin in the shard; null where it is made when it is read.",
    "bytes": "How many bytes the {} has.",
    "sha256": "Of the bytes of the {}.",
}
_TRUTH, _PLAIN, _DITHERED = "truth video", "GIF without dithering", "dithered GIF"
_MEMBERS = {"truth": _TRUTH, "plain": _PLAIN, "dithered": _DITHERED}

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
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
        "recordSet": [_clips()],
    }
    return json.dumps(document, indent=1).encode() + b"\n"


def column_about(name: str) -> str:
    """What a column of the index is, in a sentence."""
    member, _, what = name.partition("_")
    return _OF_MEMBER[what].format(_MEMBERS[member]) if what in _OF_MEMBER and member in _MEMBERS else COLUMNS[name]


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


def _clips() -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "clips",
        "name": "clips",
        "description": "A record a clip.",
        "key": {"@id": "clips/clip_id"},
        "field": [_field(column) for column in INDEX_SCHEMA],
    }


def _field(column: pa.Field) -> dict[str, Any]:
    repeated = pa.types.is_list(column.type)
    kind = column.type.value_type if repeated else column.type
    data_type = "sc:Text" if pa.types.is_string(kind) else "sc:Float" if pa.types.is_floating(kind) else "sc:Integer"
    return {
        "@type": "cr:Field",
        "@id": f"clips/{column.name}",
        "name": column.name,
        "description": column_about(column.name),
        "dataType": data_type,
        **({"repeated": True} if repeated else {}),
        "source": {"fileObject": {"@id": "index.parquet"}, "extract": {"column": column.name}},
    }
