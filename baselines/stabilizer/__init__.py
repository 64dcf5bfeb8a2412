"""A network that steadies what any method restored (Lai et al., "Learning blind video temporal consistency").

network.py     two encoders, residual blocks, a ConvLSTM, a decoder; the output is the processed frame and a correction
method.py      the wrapper `stable:METHOD`
losses.py      short-term, long-term, content, perceptual
training.py    what `gifbench train` trains
"""
