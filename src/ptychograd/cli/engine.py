"""What a command sets in the process before it computes; the library itself never does."""

import warnings

from ptychograd.cli.console import errors
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


def keep_programs() -> None:
    """Let JAX keep compiled programs in the user's cache, if there can be one."""
    import jax

    from ptychograd.core.programs import Healing, program_folder

    def tell(text: str) -> None:
        errors.print(text, style="dim", soft_wrap=True)

    folder = program_folder(tell)
    if folder is None:
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    warnings.filterwarnings("always", "Error (reading|writing) persistent compilation cache", UserWarning)
    shown = warnings.showwarning
    warnings.showwarning = Healing(folder, shown.plain if isinstance(shown, Healing) else shown, tell)
