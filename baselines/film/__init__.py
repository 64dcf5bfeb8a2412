"""Films: what a per-frame network makes of a video, and how one is trained; `docs/film.md` is the way through.

chroma.py             luminance and chroma, and back to RGB
colorize_method.py    the method `colorize`
colorize_network.py   a U-Net with self-attention that predicts chroma for a luminance
colorize_training.py  what `gifbench train` trains for it, on any videos
cartoon_method.py     the method `cartoon`
cartoon_network.py    the generator and the discriminator of CartoonGAN
cartoon_training.py   its losses, and the initialization phase
edges.py              pictures whose edges are smeared, which the discriminator learns to tell
convert_checkpoint.py public files of CartoonGAN's weights, under our names
"""
