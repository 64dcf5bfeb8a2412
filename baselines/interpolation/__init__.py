"""Interpolators without weights: what any network for the missing frames must beat."""
