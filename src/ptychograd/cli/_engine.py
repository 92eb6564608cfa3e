"""What a command sets in the process before it computes; the library itself never does."""

import hashlib
import platform
import signal
from pathlib import Path

from ptychograd.cli._console import errors


def prepare(precision: str = "single") -> None:
    """Choose the precision, keep compiled programs between runs, let SIGTERM and SIGHUP end a run like Ctrl-C."""
    import jax
    from platformdirs import user_cache_path

    from ptychograd._memory import give_back_large_arrays

    give_back_large_arrays()
    jax.config.update("jax_enable_x64", precision == "double")
    folder = user_cache_path("ptychograd") / f"compiled-{_kind_of_machine()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        errors.print(f"Compiled programs are not kept: {folder}: {problem.strerror}.")
    else:
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    for name in ("SIGTERM", "SIGHUP"):  # the end of a batch job, and of a connection
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)


def complex_dtype(precision: str) -> type:
    """complex64 for `single`, complex128 for `double`."""
    import numpy as np

    return {"single": np.complex64, "double": np.complex128}[precision]


def _kind_of_machine() -> str:
    """A name for processors that run the same machine code: homes are shared between unlike computers."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        features = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:
        features = platform.processor()
    return hashlib.sha256(f"{platform.machine()} {features}".encode()).hexdigest()[:8]
