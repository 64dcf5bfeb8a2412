"""Readers against input that nobody should trust: every input ends in a value or in one line of a `GifbenchError`.

A `Target` names a reader, files that are whole, and a strategy for broken ones. The same targets serve two ways:
`test_fuzz.py` tries some inputs of each within seconds, the same ones every time; `python -m tests.fuzz` lets atheris
look for more, guided by what the code under test does. What it found lies in `findings/`, and is tried by every test.
"""
