"""The peers, and an environment for each: made once, in a folder that git does not see."""

import subprocess
import sys
import venv
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / ".environments"
TRIES = 3
PAUSE = 1800  # seconds after which an installation is given up


class Peer(NamedTuple):
    """How a package is called in tables, what is installed of it, and the script that drives it.

    Without something to install it is run by this interpreter.
    """

    driver: str
    requirement: str = ""


PEERS = {
    "ptychograd": Peer("run_ptychograd.py"),
    "NumPy ePIE": Peer("run_numpy.py"),
    "phaser": Peer("run_phaser.py", "phaserem[jax]"),
    "pty-chi": Peer("run_ptychi.py", "ptychi"),
    "cdtools": Peer("run_cdtools.py", "cdtools-py"),
    "PtyLab": Peer("run_ptylab.py", "ptylab"),
}


class Missing(Exception):
    """A peer can't be run; the text says why."""


def driver(name: str) -> Path:
    """The script of a peer."""
    return Path(__file__).parent / "drivers" / PEERS[name].driver


def interpreter(name: str) -> Path:
    """Python with the package in it; raises `Missing` where it is not installed."""
    if not PEERS[name].requirement:
        return Path(sys.executable)
    python = _folder(name) / "bin" / "python"
    if not python.exists():
        raise Missing(f"not installed: python -m benchmarks.peers --install '{name}'")
    return python


def install(name: str) -> None:
    """Make the environment of a peer, in three tries; raises `Missing` with the last words of the installer."""
    if not PEERS[name].requirement:
        return
    where = _folder(name)
    words = ""
    for _ in range(TRIES):
        venv.create(where, with_pip=True, clear=True)
        command = [where / "bin" / "python", "-m", "pip", "install", "--quiet", PEERS[name].requirement]
        try:
            done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=PAUSE)
        except subprocess.TimeoutExpired:
            words = f"the installer took longer than {PAUSE} s"
            continue
        if done.returncode == 0:
            return
        words = done.stderr.strip()[-300:]
    raise Missing(f"could not be installed in {TRIES} tries: {words}")


def _folder(name: str) -> Path:
    return FOLDER / PEERS[name].requirement.partition("[")[0]
