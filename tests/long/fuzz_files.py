"""Damage many files of every kind, read them, and count what comes of it; then read sound ones, bit for bit.

    PYTHONPATH=src python tests/long/fuzz_files.py --count 20000 --sound 100 --seed 1

Files are read by a worker process whose memory is limited. A file that kills it or takes too long counts as a crash
or a hang, is kept in --keep, and the next worker goes on behind it.
"""

import argparse
import collections
import contextlib
import os
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).parents[1]
LIMIT = 3 << 30  # bytes of address space that a worker may take for a file, beyond what it begins with
PATIENCE = 20.0  # seconds for one file
HEADINGS = ("mutated", "read", "refused", "crashes", "hangs", "other exceptions")


# The worker -----------------------------------------------------------------------------------------------


def work(folder: Path, seed: int, first: int, count: int) -> None:
    """Damage and read the files with these numbers; a line before and after each."""
    sys.path.insert(0, str(TESTS))
    import numpy as np

    import hostile

    wholes = whole_files(folder, hostile)
    secret(folder.parent, hostile)
    os.chdir(folder)
    start = memory("VmSize")
    resource.setrlimit(resource.RLIMIT_AS, (start + LIMIT, start + LIMIT))
    names = list(hostile.KINDS)
    for number in range(first, count):
        kind = names[number % len(names)]
        path = folder / f"file{hostile.KINDS[kind].suffix}"
        print("begin", number, kind, sep="\t", flush=True)
        text = hostile.damaged(
            kind, wholes[kind], path, int(np.random.SeedSequence((seed, number)).generate_state(1)[0])
        )
        print("read", text, sep="\t", flush=True)
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before, began = memory("VmRSS"), time.perf_counter()
        outcome = one(hostile, kind, path)
        seconds, grown = time.perf_counter() - began, max(0, memory("VmHWM") - before)
        print("done", number, kind, outcome, f"{seconds:.4f}", grown, sep="\t", flush=True)


def one(hostile, kind: str, path: Path) -> str:
    try:
        return hostile.attempt(kind, path)
    except Exception as error:  # whatever it is, it is counted
        return f"{type(error).__name__}: {error}".replace("\n", " ").replace("\t", " ")[:300]


def whole_files(folder: Path, hostile) -> dict[str, bytes]:
    found = {}
    for name, kind in hostile.KINDS.items():
        path = folder / f"file{kind.suffix}"
        kind.write(path)
        found[name] = path.read_bytes()
    return found


def secret(folder: Path, hostile) -> None:
    """What lies outside of the folder and must not be read."""
    import h5py
    import numpy as np

    values = np.full((6, 5, 8), hostile.SECRET)
    values.tofile(folder / "secret.bin")
    with h5py.File(folder / "secret.h5", "w") as file:
        file["secret"], file["data"] = values, values


def memory(what: str) -> int:
    """Bytes of this process, from the system."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(what))


def work_sound(folder: Path, seed: int, writer: str, count: int) -> None:
    """Write and read sound files of one writer; a line for each that is not read as it was written."""
    sys.path.insert(0, str(TESTS))
    import numpy as np

    import sound_writers

    for number in range(count):
        try:
            sound_writers.read_back(writer, folder / "file.h5", np.random.default_rng((seed, number)))
            print("read", number, sep="\t", flush=True)
        except Exception as error:  # whatever it is, it is counted
            print("other", number, f"{type(error).__name__}: {error}"[:300], sep="\t", flush=True)


# The watchdog ---------------------------------------------------------------------------------------------


class HeldOutMonitor:
    """One worker after another, until all files were tried."""

    def __init__(self, count: int, seed: int, keep: Path):
        self.count, self.seed, self.keep = count, seed, keep
        self.table: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
        self.longest: dict[str, float] = collections.defaultdict(float)
        self.largest: dict[str, int] = collections.defaultdict(int)

    def run(self) -> None:
        number = 0
        while number < self.count:
            with tempfile.TemporaryDirectory() as folder:
                inside = Path(folder, "inside")
                inside.mkdir()
                number = self.one_worker(inside, number)

    def one_worker(self, folder: Path, first: int) -> int:
        """The number of the file that the next worker begins with."""
        command = [sys.executable, __file__, "--worker", str(folder), "--seed", str(self.seed)]
        command += ["--first", str(first), "--count", str(self.count)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as worker:
            lines, hung, number, kind, text = Lines(worker.stdout), False, first, "", ""
            while (line := lines.next(PATIENCE + 40 * (not kind))) is not None:
                part = line.split("\t")
                if part[0] == "begin":
                    number, kind, text = int(part[1]), part[2], ""
                elif part[0] == "read":
                    text = part[1]
                elif part[0] == "done":
                    self.count_one(folder, part, text)
                    number += 1
            hung = lines.timed_out
            if hung:
                worker.kill()
            code = worker.wait()
        if number >= self.count and code == 0:
            return number
        what = "hangs" if hung else "crashes"
        if not kind:
            raise SystemExit(f"the worker ended with {code} before it began")
        if not text:
            print(f"file {number} could not be made: HDF5 ended with {code} as it wrote it", file=sys.stderr)
            return number + 1
        name = signal.Signals(-code).name if code < 0 else code
        self.note(kind, what, folder, number, f"{name} after {text}")
        return number + 1

    def count_one(self, folder: Path, part: list[str], text: str) -> None:
        _, number, kind, outcome, seconds, grown = part
        if outcome in ("read", "refused"):
            self.table[kind]["mutated"] += 1
            self.table[kind][outcome] += 1
        else:
            self.note(kind, "other exceptions", folder, int(number), f"{outcome} after {text}")
        self.longest[kind] = max(self.longest[kind], float(seconds))
        self.largest[kind] = max(self.largest[kind], int(grown))
        if float(seconds) > 2 or int(grown) > 200 << 20:
            print(f"{kind} {number}: {seconds} s, {int(grown) >> 20} MB after {text}", file=sys.stderr)

    def note(self, kind: str, what: str, folder: Path, number: int, text: str) -> None:
        """Count a failure, say it, and keep the file."""
        self.table[kind]["mutated"] += 1
        self.table[kind][what] += 1
        print(f"{what}: {kind} {number}: {text}", file=sys.stderr, flush=True)
        self.keep.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError, ValueError):
            newest = max(folder.glob("file.*"), key=lambda path: path.stat().st_mtime)
            (self.keep / f"{self.seed}_{number}{newest.suffix}").write_bytes(newest.read_bytes())

    def show(self) -> None:
        print("| kind of file |", " | ".join(HEADINGS), "| longest (s) | most memory (MB) |")
        print("|---|" + "---:|" * (len(HEADINGS) + 2))
        for kind in (*self.table, "all"):
            rows = self.table.values() if kind == "all" else [self.table[kind]]
            numbers = [f"{sum(row[name] for row in rows):,}" for name in HEADINGS]
            longest = max(self.longest.values()) if kind == "all" else self.longest[kind]
            largest = max(self.largest.values()) if kind == "all" else self.largest[kind]
            print(f"| {kind} |", " | ".join(numbers), f"| {longest:.2f} | {largest / 1e6:.0f} |")


def sound_files(count: int, seed: int) -> None:
    """A table of the sound files of each writer: how many were read bit for bit."""
    sys.path.insert(0, str(TESTS))
    from sound_writers import WRITERS

    print("\n| writer of sound files | made | read bit for bit | not |\n|---|---:|---:|---:|")
    for writer in WRITERS:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, __file__, "--worker", folder, "--seed", str(seed), "--writer", writer]
            done = subprocess.run(
                [*command, "--count", str(count)],
                capture_output=True,
                text=True,
                timeout=PATIENCE * (3 + count),
                check=False,
            )
        lines = done.stdout.splitlines()
        read = sum(line.startswith("read\t") for line in lines)
        print(f"| {writer} | {count} | {read} | {count - read} |", flush=True)
        if read < count:
            others = [line for line in lines if not line.startswith("read\t")]
            print(
                f"{writer}: ended with {done.returncode}", *others[:9], done.stderr[-2000:], sep="\n", file=sys.stderr
            )


class Lines:
    """Lines of a pipe; None at its end, or when none came in time."""

    def __init__(self, pipe):
        self.pipe, self.rest, self.timed_out = pipe, b"", False
        self.selector = selectors.DefaultSelector()
        self.selector.register(pipe, selectors.EVENT_READ)

    def next(self, patience: float) -> str | None:
        until = time.monotonic() + patience
        while b"\n" not in self.rest:
            if not self.selector.select(max(0.0, until - time.monotonic())):
                self.timed_out = True
                return None
            more = os.read(self.pipe.fileno(), 65536)
            if not more:
                return None
            self.rest += more
        line, _, self.rest = self.rest.partition(b"\n")
        return line.decode(errors="replace")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir(), "hostile_kept"))
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--writer", help=argparse.SUPPRESS)
    parser.add_argument("--sound", type=int, default=100, help="sound files of each writer")
    given = parser.parse_args()
    if given.writer:
        work_sound(given.worker, given.seed, given.writer, given.count)
        return
    if given.worker:
        work(given.worker, given.seed, given.first, given.count)
        return
    monitor = HeldOutMonitor(given.count, given.seed, given.keep)
    monitor.run()
    if given.count:
        monitor.show()
    sound_files(given.sound, given.seed)


if __name__ == "__main__":
    main()
