"""How the learning rate goes over a training."""

from __future__ import annotations

import math

from gifbench.training.config import TrainingOptions


def learning_rate(options: TrainingOptions, step: int) -> float:
    """The learning rate of a step, counted from 0."""
    if options.schedule == "halve" and options.halve_every:
        return float(options.learning_rate * 0.5 ** (step // options.halve_every))
    if options.schedule == "drop":
        return float(options.learning_rate * 0.1 ** sum(step >= drop for drop in options.drops))
    if options.schedule == "cosine":
        return options.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * step / options.steps)) / 2)
    return options.learning_rate
