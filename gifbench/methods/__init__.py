"""Methods: what one is, how it is found, loaded with options, run on a GIF, and checked."""
