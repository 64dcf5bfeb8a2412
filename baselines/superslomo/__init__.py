"""SuperSlomo (Jiang et al., CVPR 2018), as GIF2Video (CVPR 2019) adapted it: the frames between two frames."""
