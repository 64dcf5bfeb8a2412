"""From an RGB frame to a palette of few colors and the index of every pixel, plain or dithered."""
