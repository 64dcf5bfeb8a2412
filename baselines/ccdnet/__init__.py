"""CCDNet (Wang et al., GIF2Video, CVPR 2019): colors of a GIF's frames restored by unrolled U-Nets.

backbones.py           U-Net, DRRN, GLCIC
nafnet.py              a NAFNet-style one
network.py             CCDNet-k: the unrolled steps, f_C between them (also on a CPU), frames of any size
palette_unet.py        the small network of the weights that come with gifbench
discriminator.py       the conditional 70×70 PatchGAN and its pool of fakes
losses.py              color, gradients, adversarial
dither_classifier.py   is this frame dithered?
method.py              a file of weights as a method: which network it is of, and frames through it
plain_or_dithered_choice.py
                       the method `ccdnet`, which chooses between networks
convert_checkpoint.py  what the authors' own weights are called
training.py            what `gifbench train` trains; palette_training.py, for the small network
"""
