"""The leaderboard: a static page made from results files."""

from __future__ import annotations

from gifbench.leaderboard.boards_of_comparable_runs import Board, BoardTable, boards
from gifbench.leaderboard.markdown_csv_tables import csv_table, markdown, markdown_table
from gifbench.leaderboard.runs_from_results import Run
from gifbench.leaderboard.site_builder import build_site

__all__ = ["Board", "BoardTable", "Run", "boards", "build_site", "csv_table", "markdown", "markdown_table"]
