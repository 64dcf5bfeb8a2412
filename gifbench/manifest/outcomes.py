"""What became of a manifest row: `gifbench.dataset.outcomes`, by the name that it had before."""

from gifbench.dataset.outcomes import KINDS, OUTCOMES_SCHEMA, REASONS, Kind, Outcome, State, current_reason, outcome_of

__all__ = ["KINDS", "OUTCOMES_SCHEMA", "REASONS", "Kind", "Outcome", "State", "current_reason", "outcome_of"]
