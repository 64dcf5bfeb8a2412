"""Pix2Pix (Isola et al., CVPR 2017), row 10 of the paper's Table 1: the GIF's frame in, the video's out, adversarially.

network.py   U-Net 256
method.py    a file of weights as a method
training.py  what `gifbench train` trains
"""
