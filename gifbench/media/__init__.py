"""Videos and GIFs: decoding exact spans, palettes, dithering, the GIF format."""
