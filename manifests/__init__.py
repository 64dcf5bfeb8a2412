"""Where the datasets' manifests live; README.md explains every column."""
