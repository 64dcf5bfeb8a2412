"""SuperSlomo (Jiang et al., CVPR 2018), as GIF2Video (CVPR 2019) adapted it: the frames between two frames.

network.py             the U-Nets, flows, the warp, what is fused of two frames
method.py              a file of weights as a method and as an interpolator
losses.py              color, gradients, warp, smoothness, adversarial
convert_checkpoint.py  what the authors' own weights are called
training.py            what `gifbench train` trains
"""
