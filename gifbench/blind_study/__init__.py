"""Blind comparisons of two methods: a page that asks people, and a tally of their answers."""
