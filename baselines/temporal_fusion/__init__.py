"""`ccdnet-video`: frames that `ccdnet` restored, each with the help of its neighbors in time.

alignment.py   neighbors moved along the flow, and what the network sees of them
network.py     the network that decides what to take over
method.py      the method
training.py    what `gifbench train` trains
"""
