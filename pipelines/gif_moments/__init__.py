"""GIF-Moments: parts of YouTube videos that people made GIFs of; README.md says how it is made."""
