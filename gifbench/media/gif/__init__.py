"""GIFs: the value, reading any GIF in the wild, writing GIF89a."""

from gifbench.media.gif.frame_delays import frame_delays
from gifbench.media.gif.gif import Gif, retimed, selection
from gifbench.media.gif.gif_writer import GifWriter, color_table
from gifbench.media.gif.limits import GifLimits

__all__ = ["Gif", "GifLimits", "GifWriter", "color_table", "frame_delays", "retimed", "selection"]
