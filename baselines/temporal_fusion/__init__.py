"""`ccdnet-video`: frames that `ccdnet` restored, each with the help of its neighbors in time."""
