"""`python -m gifbench`: the command."""

from gifbench.cli import main

main()
