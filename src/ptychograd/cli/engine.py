"""What a command sets in the process before it computes; the library itself never does."""

import os

from ptychograd.cli.cache import keep_programs
from ptychograd.cli.signals import ending
from ptychograd.core.errors import InputError


def prepare(precision: str = "single") -> None:
    """Set up a process that computes alone."""
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


def require_devices() -> None:
    """Raise `InputError` where there is nothing to compute on, as a GPU that was asked for and is not there."""
    import jax

    try:
        jax.devices()
    except AssertionError:  # JAX knows of cuda, but nothing of it is installed
        text = _no_device("nothing is installed for what was asked")
    except RuntimeError as problem:
        text = lacking(problem) or str(problem)
    else:
        return
    raise InputError(text)


def complex_dtype(precision: str) -> type:
    """complex64 for `single`, complex128 for `double`."""
    import numpy as np

    return {"single": np.complex64, "double": np.complex128}[precision]


def lacking(problem: RuntimeError) -> str | None:
    """What the computer lacks that JAX was told to use, or has too little of, in a sentence; None for other errors."""
    text = " ".join(str(problem).split())
    if text.startswith(("Unable to initialize backend", "Unknown backend")):
        return _no_device(text)
    if text.startswith("RESOURCE_EXHAUSTED"):
        return f"The memory of the device is full ({text}). Take smaller batches, fewer modes or more devices."
    return None


def _no_device(text: str) -> str:
    asked = os.environ.get("JAX_PLATFORMS")
    cure = "mend it" if asked is None else f"mend it, or unset JAX_PLATFORMS, which is {asked!r}"
    return f"There is no device to compute on ({text.rstrip('.')}); {cure}."
