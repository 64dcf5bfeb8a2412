"""gifbench: turning GIFs back into video, measured."""
