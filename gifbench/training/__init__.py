"""The training loop that the baselines share: configurations, samples, checkpoints, weights.

Importing this package loads no torch; its modules do.
"""
