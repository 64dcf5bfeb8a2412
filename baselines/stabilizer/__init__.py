"""A network that steadies what any method restored (Lai et al., "Learning blind video temporal consistency")."""
