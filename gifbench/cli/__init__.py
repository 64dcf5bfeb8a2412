"""The `gifbench` command."""
