"""CCDNet (Wang et al., GIF2Video, CVPR 2019): colors of a GIF's frames restored by unrolled U-Nets."""
