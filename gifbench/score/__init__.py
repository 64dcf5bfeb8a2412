"""Scoring methods: the plug-in contract, tasks, metrics, protocols, results."""
