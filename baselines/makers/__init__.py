"""Makers of GIFs as people make them, on the public API alone; the entry points of pyproject.toml name them.

A maker is made with the variant of its name, `ffmpeg-256-bayer` with "256-bayer", and makes the GIF file of a clip.
"""
