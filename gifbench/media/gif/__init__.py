"""GIFs: the value, reading any GIF in the wild, writing GIF89a."""

from gifbench.media.gif.gif import Gif, GifLimits, selection
from gifbench.media.gif.gif_writer import GifWriter, color_table, frame_delays

__all__ = ["Gif", "GifLimits", "GifWriter", "color_table", "frame_delays", "selection"]
