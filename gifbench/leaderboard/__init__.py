"""The leaderboard: a static page made from results files."""

from __future__ import annotations

from gifbench.leaderboard.board import Board, BoardTable, Run, boards
from gifbench.leaderboard.site import build_site
from gifbench.leaderboard.tables import csv_table, markdown, markdown_table

__all__ = ["Board", "BoardTable", "Run", "boards", "build_site", "csv_table", "markdown", "markdown_table"]
