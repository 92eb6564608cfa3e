"""Run a command, and end it when its output has stood still for so many seconds; however long it takes in all.

    python tests/watched.py 900 python -m pytest

Its exit status is that of the command, or 124. It asks no more of a system than Python does.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

STOOD_STILL, PATIENCE = 124, 10  # exit status; seconds from asking a command to end until it is killed


def main(seconds: float, command: list[str]) -> int:
    """Run the command; returns its exit status."""
    alone = {"start_new_session": True} if hasattr(os, "killpg") else {}
    for name in {"SIGTERM", "SIGHUP"} & set(dir(signal)):  # which reach this process alone
        signal.signal(getattr(signal, name), signal.default_int_handler)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **alone)
    heard = [time.monotonic()]
    reader = threading.Thread(target=_pass_on, args=(process, heard), daemon=True)
    reader.start()
    try:
        while process.poll() is None:
            if time.monotonic() - heard[0] > seconds:
                return _stood_still(process, seconds)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(min(1.0, seconds / 4))
    except KeyboardInterrupt:
        _end(process)
        return 130
    reader.join(PATIENCE)
    return process.returncode


def _pass_on(process: subprocess.Popen, heard: list[float]) -> None:
    """What the command says, as it comes."""
    while piece := os.read(process.stdout.fileno(), 1 << 16):
        heard[0] = time.monotonic()
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()


def _stood_still(process: subprocess.Popen, seconds: float) -> int:
    print(f"\n{sys.argv[0]}: no output for {seconds:g} s; the command is ended.", file=sys.stderr, flush=True)
    _end(process)
    return STOOD_STILL


def _end(process: subprocess.Popen) -> None:
    """Ask the command and all that it started to end, and kill what does not."""
    for name in ("SIGTERM", "SIGKILL"):
        with contextlib.suppress(ProcessLookupError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, getattr(signal, name))
            else:
                process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
