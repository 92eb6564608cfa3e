"""`python -m ptychograd` is `ptychograd`."""

from ptychograd.cli import main

main()
