"""A dataset of somebody else's, on gifbench's public names alone."""
