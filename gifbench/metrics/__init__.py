"""Metrics, one file each: what a restored frame is measured by."""
