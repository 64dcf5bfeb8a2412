"""The leaderboard: a static page made from results files."""
