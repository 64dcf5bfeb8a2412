"""The methods that the paper and the leaderboard compare, written against the public API alone."""
