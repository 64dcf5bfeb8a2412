"""Results of evaluations: their schema, files, confidence intervals, and comparison."""
