"""The `gifbench` command: thin files, a group of commands each, and no logic."""

from gifbench.cli.app import main

__all__ = ["main"]
