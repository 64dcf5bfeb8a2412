"""Picture metrics, each equal to its reference implementation."""
