"""The tests' own watchman: a command may take long, but not be silent for long."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TALKS = "import time\nfor k in range(8):\n    print(k, flush=True)\n    time.sleep(0.1)\nraise SystemExit(3)"
STUCK = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('begun', flush=True)\ntime.sleep(60)"


@pytest.mark.parametrize(
    ("code", "seconds", "status", "said"), [(TALKS, 0.6, 3, "7"), (STUCK, 0.3, 124, "no output for 0.3 s")]
)
def test_a_command_ends_where_it_stands_still(code, seconds, status, said):
    """One that talks for longer than the limit comes to its own end; one that says nothing more is ended."""
    begin = time.monotonic()
    call = [sys.executable, str(ROOT / "tests" / "watched.py"), str(seconds), sys.executable, "-c", code]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert said in done.stdout + done.stderr
    assert time.monotonic() - begin < 20


def test_the_whole_of_the_tests_has_no_limit():
    """A slow machine is no fault; the limits are for a single test, and for silence."""
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "timeout" not in rules
    for target in ("test", "slow"):
        rule = rules.split(f"\n{target}:")[1].split("\n\n")[0]
        assert "$(WATCHED)" in rule
        assert rule.count("pytest") == 1
    minutes = re.findall(r"timeout-minutes: (\d+)", (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    assert all(int(limit) >= 60 for limit in minutes)
