"""Pix2Pix (Isola et al., CVPR 2017), row 10 of the paper's Table 1: the GIF's frame in, the video's out."""
