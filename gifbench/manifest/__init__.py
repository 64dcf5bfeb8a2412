"""What a dataset should hold: a table with a row a clip, read from files, made from a folder, checked."""

from gifbench.manifest.rows import ManifestRow, official_rows, read_manifest, write_manifest

__all__ = ["ManifestRow", "official_rows", "read_manifest", "write_manifest"]
