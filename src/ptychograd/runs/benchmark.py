"""How long a step takes: every solver beside the Fourier transforms that it can't do without, in one process."""

import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft

from ptychograd.core.errors import InputError
from ptychograd.core.fourier import fft2, ifft2
from ptychograd.core.table import as_json
from ptychograd.data.dataset import Dataset, NearFieldGeometry, make_dataset
from ptychograd.data.files import replacing, require_writable
from ptychograd.fitting.epoch import Resident, one_epoch
from ptychograd.fitting.reconstruction import Task, prepared
from ptychograd.fitting.solvers import PIE, AbstractSolver, ADePIE, EvaluateOnly, Nesterov, adam
from ptychograd.models.recipes import far_field, near_field
from ptychograd.models.simulation import raster
from ptychograd.models.starts import random_object
from ptychograd.physics.noise import Amplitude
from ptychograd.physics.ptychography import Ptychography

SOLVERS: Mapping[str, AbstractSolver] = {
    "forward model": EvaluateOnly(),
    "ePIE": PIE(),
    "AD-ePIE": ADePIE(),
    "rPIE": PIE(0.1),
    "Nesterov": Nesterov(),
    "Adam": adam({"object": 0.001, "probe": 0.1}),
}
BOTH = ("object", "probe")
OVERLAP = 8  # a scan step is this part of the frame


FAR, NEAR = "far field", "near field"


class Case(NamedTuple):
    """Pixels of a frame along each side, patterns in a batch and in all, and how they come about."""

    frame: int
    batch_size: int
    count: int
    regime: str = FAR

    @property
    def transforms(self) -> int:
        """Fourier transforms of a wave in a gradient: forth, and back for the derivative; near fields take two each."""
        return 2 if self.regime == FAR else 4


CASES = (Case(64, 1, 484), Case(64, 25, 484), Case(64, 100, 484), Case(128, 32, 256), Case(256, 32, 128))
CASES += (Case(256, 5, 25, NEAR), Case(512, 5, 25, NEAR))
QUICK = (Case(64, 1, 121), Case(64, 25, 121), Case(128, 32, 64))


class Timing(NamedTuple):
    """One solver on one case: seconds and bytes; `of_floor` is the step's time over the fastest transforms'."""

    step: float
    patterns_per_second: float
    of_floor: float
    compilation: float
    memory: int


def bench(
    cases: tuple[Case, ...] = CASES, rounds: int = 7, on_case: Callable[[Case, dict, dict], None] | None = None
) -> dict:
    """Time every solver on every case; all that is needed to read the numbers later is with them."""
    report = {"machine": machine(), "cases": []}
    for case in cases:
        data = patterns(case)
        recipe = far_field if case.regime == FAR else near_field
        model = recipe(data, object=random_object(0))
        floor, timings = time_solvers(model, data, case.batch_size, rounds, transforms=case.transforms)
        row = {
            "case": case._asdict(),
            "transforms, seconds": floor,
            "solvers": {name: timing._asdict() for name, timing in timings.items()},
        }
        report["cases"].append(row)
        if on_case is not None:
            on_case(case, floor, row["solvers"])
    return report


def save(report: Mapping, path: Path) -> None:
    """Write a report as JSON."""
    with replacing(path) as temporary:
        temporary.write_text(as_json(report, indent=1) + "\n", encoding="utf-8")


def require_report(path: Path) -> None:
    """Refuse a name that is not that of JSON, and to replace what is no report."""
    if path.suffix != ".json":
        raise InputError(f"{path} is to be a JSON file; expected a name that ends in .json.")
    require_writable(path)
    if not path.exists():
        return
    try:
        found = json.loads(path.read_bytes() or b'{"cases": []}')
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or "cases" not in found:
        raise InputError(
            f"{path} is there and is no report of `ptychograd bench`: it would be lost. Give another name."
        )


def time_solvers(
    model: Ptychography,
    data: Dataset,
    batch_size: int,
    rounds: int,
    solvers: Mapping[str, AbstractSolver] = SOLVERS,
    transforms: int = 2,
) -> tuple[dict[str, float], dict[str, Timing]]:
    """Seconds for so many transforms of a batch by each library, and the timing of each solver: medians of rounds.

    Rounds go from one to the next and begin again, so that a slow moment of the machine hits all of them.
    """
    steps = -(-data.count // batch_size)
    jobs, facts = {}, {}
    for name, solver in solvers.items():
        jobs[name], *facts[name] = _epoch_of(solver, model, data, batch_size)
    pairs = _pair_of_transforms((batch_size, *data.frame_shape))
    seconds = median_seconds(jobs | {f"fft {name}": job for name, job in pairs.items()}, rounds)
    floor = {name: transforms / 2 * seconds[f"fft {name}"] for name in pairs}
    timings = {}
    for name in solvers:
        step = seconds[name] / steps
        timings[name] = Timing(step, data.count / seconds[name], step / min(floor.values()), *facts[name])
    return floor, timings


def patterns(case: Case) -> Dataset:
    """Patterns of a soft, curved probe on a random object; what they show makes no difference to the time."""
    n, side = case.frame, max(1, round(np.sqrt(case.count)))
    y, x = np.mgrid[:n, :n] / n - 0.5
    probe = np.exp(-(y**2 + x**2) / 0.03) * np.exp(40j * (y**2 + x**2))
    rng = np.random.default_rng(0)
    step = max(1, n // OVERLAP)
    corners = raster((-(-case.count // side), side), (float(step), float(step)))[: case.count]
    extent = corners.max(axis=0).astype(int) + n
    object = rng.uniform(0.5, 1, extent) * np.exp(1j * rng.uniform(0, 1, extent))
    waves = (probe * object[r : r + n, c : c + n] for r, c in corners.astype(int))
    expected = (np.abs(np.fft.fftshift(np.fft.fft2(wave))) ** 2 / wave.size for wave in waves)
    counts = np.array([rng.poisson(1e2 * one) for one in expected], np.uint16)
    if case.regime == FAR:
        return make_dataset(counts, corners, probe=10 * probe, source="benchmark")
    geometry = NearFieldGeometry(wavelength=1e-10, distance=n * 1e-3, pixel_size=(1e-6, 1e-6))
    return make_dataset(counts, corners * 1e-6, geometry=geometry, probe=10 * probe, source="benchmark")


def machine() -> dict:
    """What the numbers depend on."""
    device = jax.devices()[0]
    packages = ("ptychograd", "jax", "jaxlib", "numpy", "scipy")
    if importlib.util.find_spec("pyfftw"):
        packages += ("pyfftw",)
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "device": device.device_kind,
        "dtype": "complex64",
        "threads of an epoch": 1,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
    }


def _epoch_of(
    solver: AbstractSolver, model: Ptychography, data: Dataset, batch_size: int
) -> tuple[Callable[[], None], float, int]:
    """A function that runs one epoch from the same start; seconds of its compilation, and its bytes."""
    task = Task(model, data, solver, 1, batch_size, BOTH, Amplitude())
    work, standing = prepared(task)
    feed = Resident(data, work.asked)
    arguments = (standing.member, feed.patterns, feed.plan(work.seed, 0, work.last))
    begin = time.perf_counter()
    compiled = one_epoch.lower(*arguments).compile()  # pyright: ignore[reportFunctionMemberAccess]
    seconds = time.perf_counter() - begin
    used = compiled.compiled.memory_analysis()
    peak = used.argument_size_in_bytes + used.output_size_in_bytes + used.temp_size_in_bytes
    return lambda: jax.block_until_ready(compiled(*arguments)), seconds, peak


def _pair_of_transforms(shape: tuple[int, int, int]) -> dict[str, Callable[[], object]]:
    """Two transforms of a batch of waves, as each library at hand does them."""
    rng = np.random.default_rng(0)
    wave = (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)
    on_device = jnp.asarray(wave)
    pair = jax.jit(lambda wave: ifft2(fft2(wave)))
    jobs: dict[str, Callable[[], object]] = {
        "XLA": lambda: jax.block_until_ready(pair(on_device)),
        "NumPy": lambda: np.fft.ifft2(np.fft.fft2(wave)),
        "SciPy": lambda: scipy.fft.ifft2(scipy.fft.fft2(wave)),
    }
    try:
        import pyfftw  # pyright: ignore[reportMissingImports]
    except ImportError:
        return jobs
    retained = pyfftw.empty_aligned(shape, np.complex64)
    forth, back = (
        pyfftw.FFTW(retained, retained, axes=(1, 2), direction=direction, flags=("FFTW_MEASURE",))
        for direction in ("FFTW_FORWARD", "FFTW_BACKWARD")
    )
    retained[:] = wave
    jobs["pyFFTW"] = lambda: (forth.execute(), back.execute())
    return jobs


def median_seconds(jobs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each job; short ones are repeated within a round."""
    repeats = {}
    for name, job in jobs.items():
        job()
        begin = time.perf_counter()
        job()
        repeats[name] = max(1, int(0.02 / max(time.perf_counter() - begin, 1e-6)))
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            begin = time.perf_counter()
            for _ in range(repeats[name]):
                job()
            times[name].append((time.perf_counter() - begin) / repeats[name])
    return {name: statistics.median(values) for name, values in times.items()}


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            lines = file.read().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
