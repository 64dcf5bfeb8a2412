"""From an RGB frame to a palette of few colours and the index of every pixel, plain or dithered."""
