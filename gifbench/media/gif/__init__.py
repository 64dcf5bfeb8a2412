"""GIFs: the value, reading any GIF in the wild, writing GIF89a."""

from gifbench.media.gif.value import Gif, GifLimits
from gifbench.media.gif.writer import GifWriter, replacing

__all__ = ["Gif", "GifLimits", "GifWriter", "replacing"]
