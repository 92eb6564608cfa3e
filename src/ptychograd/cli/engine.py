"""What a command sets in the process before it computes; the library itself never does."""

from ptychograd.cli.cache import keep_programs
from ptychograd.cli.signals import ending


def prepare(precision: str = "single") -> None:
    """Set up a process that computes alone."""
    from ptychograd.runs.machine import require_devices

    configure(precision)
    require_devices()


def configure(precision: str) -> None:
    """Choose the precision, keep compiled programs between runs, and heed the signals that end a job."""
    import jax

    from ptychograd.core.memory import give_back_large_arrays

    give_back_large_arrays()
    jax.config.update("jax_enable_x64", precision == "double")
    jax.config.update("jax_transfer_guard", "allow")  # a command sends what it needs, whatever the environment says
    keep_programs()
    ending.heed()
