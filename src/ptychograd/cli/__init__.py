"""The `ptychograd` command. Heavy imports wait until a command runs, so that help comes at once."""

from ptychograd.cli.app import main

__all__ = ["main"]
