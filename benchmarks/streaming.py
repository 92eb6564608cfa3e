"""Data larger than memory: how fast patterns stream from a file, and a scan of many GB in a process of few.

    python benchmarks/streaming.py                         in memory against out of a file, packed or not, 1 GB
    python benchmarks/streaming.py --gigabytes 20 --limit 4    once through 20 GB with 4 GB of address space
    python benchmarks/streaming.py --gigabytes 6 --limit 4 --prepare    raw frames, prepared as they are read

The patterns are those of a periodic object, so that a few thousand simulated ones make a scan of any size.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np

FRAME, STEP, TILE = 128, 4, 256
RAW, CENTRE, HOT, OFFSET = (
    256,
    (140, 117),
    ((131, 90), (170, 141), (100, 104)),
    20,
)  # of frames before they are prepared
PREPARED = {"dark": "DARK", "hot_pixels": "true", "centre": f"[{CENTRE[0]},{CENTRE[1]}]", "crop": FRAME, "bin": 2}
PACKINGS = {
    "not packed": {},
    "gzip": {"compression": "gzip", "compression_opts": 1, "shuffle": True},
    "bitshuffle-LZ4": dict(hdf5plugin.Bitshuffle(cname="lz4")),
}


def tile(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Patterns of one period of the object, their positions in it, and the probe."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:FRAME, :FRAME] - FRAME / 2
    probe = np.exp(-(y**2 + x**2) / 400) * np.exp(0.01j * (y**2 + x**2))
    probe *= np.sqrt(1e6 / np.sum(np.abs(probe) ** 2))
    surrogate = np.fft.ifft2(np.fft.fft2(rng.normal(size=(TILE, TILE))) * _lowpass()).real
    object = np.exp(1j * surrogate / surrogate.std() * 0.5)
    places = np.stack(np.meshgrid(*[np.arange(0, TILE, STEP)] * 2, indexing="ij"), -1).reshape(-1, 2)
    patterns = np.empty((len(places), FRAME, FRAME), np.uint16)
    for number, (row, column) in enumerate(places):
        window = object[np.ix_((row + np.arange(FRAME)) % TILE, (column + np.arange(FRAME)) % TILE)]
        expected = np.abs(np.fft.fftshift(np.fft.fft2(probe * window))) ** 2 / FRAME**2
        patterns[number] = rng.poisson(expected)
    return patterns, places, probe


def _lowpass() -> np.ndarray:
    frequency = np.fft.fftfreq(TILE)
    return np.exp(-(frequency[:, None] ** 2 + frequency**2) / (2 * 0.05**2))


def write(path: Path, gigabytes: float, packing: str) -> int:
    """A scan over as many periods as make so many GB; the number of patterns."""
    patterns, places, probe = tile()
    periods = max(1, round(gigabytes * 1e9 / patterns.nbytes))
    rows = max(1, int(np.sqrt(periods)))
    count = periods * len(places)
    with h5py.File(path, "w") as file:
        chunks = (1, FRAME, FRAME) if PACKINGS[packing] else None
        stack = file.create_dataset("patterns", (count, FRAME, FRAME), np.uint16, chunks=chunks, **PACKINGS[packing])
        corners = np.concatenate([places + TILE * np.array([k % rows, k // rows]) for k in range(periods)])
        file["positions_px"] = corners.astype(float)
        file["probe"] = (0.9 * probe)[None].astype(np.complex64)
        for period in range(periods):
            stack[period * len(places) : (period + 1) * len(places)] = patterns
    return count


def write_raw(path: Path, gigabytes: float) -> int:
    """Frames as a detector writes them, of so many GB: the patterns off centre, on an offset, with hot pixels."""
    patterns, places, _ = tile()
    periods = max(1, round(gigabytes * 1e9 / (len(places) * 2 * RAW**2)))
    rows = max(1, int(np.sqrt(periods)))
    frames = np.full((len(places), RAW, RAW), OFFSET, np.uint16)
    first = [centre - FRAME // 2 for centre in CENTRE]
    frames[:, first[0] : first[0] + FRAME, first[1] : first[1] + FRAME] += patterns
    frames[:, *np.transpose(HOT)] = 60_000
    with h5py.File(path, "w") as file:
        stack = file.create_dataset("patterns", (periods * len(places), RAW, RAW), np.uint16)
        corners = np.concatenate([places + TILE * np.array([k % rows, k // rows]) for k in range(periods)])
        file["positions_px"] = corners * FRAME / RAW  # pixels of the object shrink as the detector grows
        for period in range(periods):
            stack[period * len(places) : (period + 1) * len(places)] = frames
    np.save(path.with_name("dark.npy"), np.full((RAW, RAW), float(OFFSET)))
    return periods * len(places)


def reconstruct(path: Path, options: list[str], limit: float | None) -> dict:
    """What the command says of itself, and the most memory that it held."""
    told = called(
        ["reconstruct", path, "-o", path.with_name("result.h5"), "--json", "--batch-size", "32", *options], limit
    )
    return json.loads(told["said"].splitlines()[-1]) | told


def called(arguments: list, limit: float | None) -> dict:
    """What a command says, how long it took, and the most memory that any command held by then."""

    def bound() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_AS, (int(limit * 1e9),) * 2)

    begin = time.perf_counter()
    command = [sys.executable, "-m", "ptychograd", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=bound)
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return {"said": done.stdout, "whole": time.perf_counter() - begin, "peak": peak}


def compare(folder: Path, gigabytes: float) -> None:
    """Patterns a second in memory, and out of a file with a tenth of the data in memory."""
    print("| file | GB in the file | patterns/s in memory | streamed | share |")
    print("|---|---|---|---|---|")
    for packing in PACKINGS:
        path = folder / "scan.h5"
        write(path, gigabytes, packing)
        rates = {}
        for name, options in (("memory", []), ("streamed", ["--memory", f"{100 * gigabytes:.0f}MB"])):
            found = reconstruct(path, ["--key", "probe=probe", "--epochs", "4", *options], None)
            rates[name] = found["patterns_per_second"]
        size, share = path.stat().st_size / 1e9, rates["streamed"] / rates["memory"]
        print(
            f"| {packing} | {size:.2f} | {rates['memory']:,.0f} | {rates['streamed']:,.0f} | {share:.0%} |", flush=True
        )
        path.unlink()


def once(folder: Path, gigabytes: float, limit: float) -> None:
    """One epoch over a large scan in a process with little address space."""
    path = folder / "large.h5"
    begin = time.perf_counter()
    count = write(path, gigabytes, "not packed")
    print(
        f"{count:,} patterns, {path.stat().st_size / 1e9:.1f} GB, written in {time.perf_counter() - begin:.0f} s",
        flush=True,
    )
    options = ["--key", "probe=probe", "--epochs", "1", "--memory", "400MB", "--devices", "1"]
    found = reconstruct(path, options, limit)
    print(
        f"{limit:g} GB of address space: R = {found['r_factor']:.4f}, {found['patterns_per_second']:,.0f} "
        f"patterns/s, {found['whole']:.0f} s in all, at most {found['peak'] / 1e9:.2f} GB held"
    )
    path.unlink()


def prepared(folder: Path, gigabytes: float, limit: float) -> None:
    """Raw frames prepared into a file, and the first of them reconstructed as they are prepared, in little memory."""
    path, ready = folder / "raw.h5", folder / "ready.h5"
    count = write_raw(path, gigabytes)
    print(f"{count:,} frames, {path.stat().st_size / 1e9:.1f} GB", flush=True)
    steps = PREPARED | {"dark": folder / "dark.npy"}
    asked = [text for name, value in steps.items() for text in ("--set", f"data.prepare.{name}={value}")]
    found = called(["prepare", path, "-o", ready, "--memory", "200MB", *asked], limit)
    speed = path.stat().st_size / 1e6 / found["whole"]
    print(
        f"prepared in {limit:g} GB of address space: {found['whole']:.0f} s, {speed:,.0f} MB/s, at most "
        f"{found['peak'] / 1e9:.2f} GB held, {ready.stat().st_size / 1e9:.2f} GB written",
        flush=True,
    )
    ready.unlink()
    options = ["--epochs", "1", "--memory", "50MB", "--devices", "1", *asked]
    found = reconstruct(path, [*options, "--set", f"data.prepare.frames.last={count // 4}"], limit)
    print(
        f"an epoch of a quarter, prepared as it is read: R = {found['r_factor']:.4f}, "
        f"{found['patterns_per_second']:,.0f} patterns/s, {found['whole']:.0f} s in all, at most "
        f"{found['peak'] / 1e9:.2f} GB held by either"
    )
    path.unlink()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--limit", type=float, help="GB of address space; one epoch, streamed")
    parser.add_argument("--prepare", action="store_true", help="raw frames, which are prepared; with --limit")
    parser.add_argument("--folder", type=Path, default=Path("streaming"))
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if arguments.limit and arguments.prepare:
        prepared(arguments.folder, arguments.gigabytes, arguments.limit)
    elif arguments.limit:
        once(arguments.folder, arguments.gigabytes, arguments.limit)
    else:
        compare(arguments.folder, arguments.gigabytes)
