"""What an accelerator makes of the package: is it right there, how fast, and how near the bare transforms?

    python benchmarks/gpu.py --out FOLDER [--minutes 7.5]
    python benchmarks/gpu.py --out FOLDER --platform cpu --small    every part once, without an accelerator
    python benchmarks/gpu.py --table FOLDER/gpu.json                what was measured, for docs/benchmarks.md

Nothing is installed. `FOLDER/gpu.json` is written anew after each measurement and `FOLDER/gpu.log` grows along, so that
a run that is cut short leaves what it has. What no time was left for is named in the file. For a machine without a
network collect wheels on one that has one:

    pip download --dest WHEELS 'jax[cuda12]==0.10.1' equinox jaxtyping optax h5py hdf5plugin scipy scikit-image \\
        tifffile cyclopts rich matplotlib lazy-loader platformdirs
    python benchmarks/gpu.py --out FOLDER --wheels WHEELS

With `--wheels` an environment is made in `FOLDER/environment` from these files alone (`pip install --no-index`), and
the benchmark runs in there. pty-chi and PtyLab are timed on the same arrays where they can be imported (`ptychi`,
`ptylab` among the wheels).

Goal, on an NVIDIA H200: 150,000 patterns/s at 256 x 256 pixels, and a step of at most 2.5 pairs of transforms.
"""

import argparse
import dataclasses
import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGES = ("jax", "equinox", "jaxtyping", "optax", "h5py", "hdf5plugin", "scipy", "scikit-image", "tifffile")
PACKAGES += ("cyclopts", "rich", "matplotlib", "lazy-loader", "platformdirs")
PEERS = {"pty-chi": "ptychi", "PtyLab": "PtyLab"}  # by the module that they are imported as
RATES = {64: (16, 64, 256, 1024), 128: (16, 64, 256), 256: (16, 64, 128), 512: (8, 16, 32)}  # batches of a frame
STEPS = 8  # of an epoch that is timed
PAIRS = 20  # of transforms in one program
LEAST = 0.5  # seconds that a measurement repeats
RESERVE = 20  # seconds below which nothing more is begun
AGREEMENT = 1e-5  # of parameters after an epoch, relative
STEP_SIZES = {"object": 0.001, "probe": 0.1}


class Plan(NamedTuple):
    """How large it all is.

    Batches by frame, the frame and batch of all else, patterns that stream, seconds that a measurement repeats, and how
    many kinds of runs are compared and timed.
    """

    rates: dict[int, tuple[int, ...]]
    frame: int
    batch: int
    streamed: int
    least: float
    kinds: int


WHOLE = Plan(RATES, 256, 64, 4096, LEAST, 99)
SMALL = Plan({16: (4,), 24: (3,)}, 16, 4, 24, 0.01, 3)


class Report:
    """What was measured, in a file from the first number on."""

    def __init__(self, folder: Path, minutes: float):
        folder.mkdir(parents=True, exist_ok=True)
        self.path, self.log = folder / "gpu.json", folder / "gpu.log"
        self.end, self.begin = time.monotonic() + 60 * minutes, time.monotonic()
        self.content: dict = {"machine": {}, "agreement": {}, "rates": [], "peers": {}, "left out": []}

    def say(self, text: str) -> None:
        line = f"{time.monotonic() - self.begin:6.1f} s  {text}"
        print(line, flush=True)
        with self.log.open("a") as log:
            log.write(line + "\n")

    def measure(self, what: str, job: Callable[[], dict]) -> None:
        """Do one measurement, unless the time is up; what goes wrong is noted, and the others go on."""
        if time.monotonic() > self.end - RESERVE:
            self.content["left out"].append({"what": what, "why": "no time left"})
        else:
            try:
                found = job()
                self.say(f"{what}: {json.dumps(found)[:300]}")
            except Exception as problem:
                self.content["left out"].append({"what": what, "why": f"{type(problem).__name__}: {problem}"[:2000]})
                self.say(f"{what} failed: {type(problem).__name__}: {str(problem)[:300]}")
        self.write()

    def write(self) -> None:
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(json.dumps(self.content | {"seconds": time.monotonic() - self.begin}, indent=1))
        temporary.replace(self.path)


def machine() -> dict:
    """Device, driver and versions."""
    import jax
    import jax.extend

    import ptychograd as pg

    device = jax.devices()[0]
    facts = "name,driver_version,memory.total,clocks.sm,power.limit"
    query = ("nvidia-smi", f"--query-gpu={facts}", "--format=csv,noheader")
    try:
        smi = subprocess.run(query, capture_output=True, text=True, timeout=20).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        smi = "nvidia-smi is not there"
    have = {one.metadata["Name"]: one.version for one in importlib.metadata.distributions()}
    versions = {name: version for name, version in have.items() if name.startswith(("jax", "nvidia", "numpy"))}
    return {
        "device": device.device_kind,
        "nvidia-smi": smi,
        "platform": jax.extend.backend.get_backend().platform_version,
        "bytes": (device.memory_stats() or {}).get("bytes_limit"),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "ptychograd": pg.__version__,
        **versions,
    }


def scan(frame: int, count: int, near: bool = False, step: int | None = None):
    """Patterns of a raster scan, of which sixteen were simulated: what they show makes no difference to the time."""
    import numpy as np

    import ptychograd as pg
    from ptychograd.models.simulation import raster
    from ptychograd.runs.benchmark import FAR, NEAR, OVERLAP, Case, patterns

    few = patterns(Case(frame, 1, 16, NEAR if near else FAR))
    side = int(np.ceil(np.sqrt(count)))
    corners = raster((side, side), (float(step or max(1, frame // OVERLAP)),) * 2)[:count]
    unit = 1e-6 if near else 1.0
    numbers = np.arange(count) % 16
    return pg.make_dataset(few.patterns[numbers], corners * unit, geometry=few.geometry, probe=few.probe)


def start(data, **options):
    import ptychograd as pg

    recipe = pg.far_field if not isinstance(data.geometry, pg.NearFieldGeometry) else pg.near_field
    return recipe(data, object=pg.models.random_object(0), **options)


def kinds(plan: Plan) -> dict[str, Callable[[], tuple]]:
    """Runs of one epoch whose result is compared: data, model, solver and further options by name."""
    import ptychograd as pg

    frame, count = (16, 16) if plan is SMALL else (64, 144)
    free, tv = ("object", "probe", "scan.offset"), pg.priors.TotalVariation(0.1)

    def far(solver, change=lambda model: model, modes=1, **options):
        data = scan(frame, count)
        return data, change(start(data, modes=modes)), solver, options

    def wide(solver):
        data = scan(frame, count, step=frame)
        return data, start(data), solver, {}

    def near():
        data = scan(frame, 25, near=True)
        return data, start(data), pg.Nesterov(), {"batch_size": 5}

    found = {
        "Nesterov in windows": lambda: wide(pg.Nesterov()),
        "ePIE, batch 1": lambda: far(pg.PIE(), batch_size=1),
        "near field": near,
        "Nesterov": lambda: far(pg.Nesterov()),
        "rPIE in windows": lambda: wide(pg.PIE(0.1)),
        "Adam": lambda: far(pg.adam(STEP_SIZES)),
        "AD-ePIE": lambda: far(pg.ADePIE()),
        "three modes, Poisson": lambda: far(pg.Nesterov(), modes=3, noise=pg.Poisson()),
        "positions": lambda: far(pg.Nesterov(), pg.models.with_refinable_positions, trainable=free),
        "total variation": lambda: far(pg.Nesterov(), priors=tv),
    }
    return dict(list(found.items())[: plan.kinds])


def parameters(job: Callable[[], tuple]) -> dict:
    """What one seeded epoch of a kind makes of the parameters."""
    import ptychograd as pg

    data, model, solver, options = job()
    result = pg.reconstruct(model, data, solver, **({"epochs": 1, "batch_size": 4, "seed": 3} | options))
    return dict(result.arrays)


def reference(folder: Path, plan: Plan) -> None:
    """The parameters of all kinds, a file for each; called in a process of its own, on the CPU."""
    import numpy as np

    for name, job in kinds(plan).items():
        np.savez(folder / "part.npz", **parameters(job))
        (folder / "part.npz").replace(folder / f"{name}.npz")


def difference(here: dict, expected: dict) -> float:
    """The largest difference of a parameter, relative to what is expected of it."""
    import numpy as np

    norm = np.linalg.norm
    sizes = {key: float(norm(value)) or 1.0 for key, value in expected.items()}
    return max(float(norm(here[key] - expected[key])) / size for key, size in sizes.items())


def agreement(folder: Path, plan: Plan, report: Report) -> None:
    """For each kind how far parameters are from what the CPU makes of them; the CPU computes meanwhile."""
    import numpy as np

    folder.mkdir(exist_ok=True)
    command = [sys.executable, __file__, "--reference", folder, *(["--small"] if plan is SMALL else [])]
    there = subprocess.Popen(list(map(str, command)), env=os.environ | {"JAX_PLATFORMS": "cpu"})

    def compared(name: str, job: Callable[[], tuple]) -> dict:
        here, path = parameters(job), folder / f"{name}.npz"
        while not path.exists() and there.poll() is None and time.monotonic() < report.end:
            time.sleep(0.2)
        with np.load(path) as expected:
            far = difference(here, dict(expected))
        found = report.content["agreement"][name] = {"difference": far, "agrees": far <= AGREEMENT}
        return found

    for name, job in kinds(plan).items():
        report.measure(f"agreement with the CPU, {name}", lambda name=name, job=job: compared(name, job))
    there.kill()
    there.wait()


def median(job: Callable[[], object], least: float) -> float:
    """Seconds of a job, the median of as many as fill the time; the first is not counted."""
    job()
    times: list[float] = []
    while sum(times) < least or len(times) < 3:
        begin = time.perf_counter()
        job()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def pair(batch: int, frame: int, least: float) -> float:
    """Seconds of a transform of a batch forth and back, by the library that the device has: cuFFT on an NVIDIA GPU."""
    import jax
    import jax.numpy as jnp

    from ptychograd.core.fourier import fft2, ifft2

    both = jax.jit(lambda wave: jax.lax.scan(lambda wave, _: (ifft2(fft2(wave)), None), wave, None, length=PAIRS)[0])
    wave = jnp.ones((batch, frame, frame), jnp.complex64)
    return median(lambda: jax.block_until_ready(both(wave)), least) / PAIRS


def epoch(data, model, solver, batch: int, least: float) -> dict:
    """Compilation, patterns a second and bytes of a compiled epoch."""
    import jax

    import ptychograd as pg
    from ptychograd.fitting.epoch import Resident, one_epoch
    from ptychograd.fitting.reconstruction import Task, prepared

    work, standing = prepared(Task(model, data, solver, 1, batch, ("object", "probe"), pg.Amplitude()))
    feed = Resident(data, work.asked)
    arguments = (standing.member, feed.patterns, work.asked.on_devices(feed.plan(0, 0, 1)))
    begin = time.perf_counter()
    compiled = one_epoch.lower(*arguments).compile()
    compilation = time.perf_counter() - begin
    used = compiled.compiled.memory_analysis()
    seconds = median(lambda: jax.block_until_ready(compiled(*arguments)), least)
    found = {"patterns/s": data.count / seconds, "step": seconds / -(-data.count // batch), "compilation": compilation}
    found |= {"at once": standing.member.objective.at_once, "scratch": used.temp_size_in_bytes}
    stats = jax.devices()[0].memory_stats() or {}
    return found | {"held": used.argument_size_in_bytes, "peak so far": stats.get("peak_bytes_in_use")}


def rates(plan: Plan, report: Report) -> None:
    """The default solver on every frame and batch; others, and other physics, on one."""
    import ptychograd as pg

    pairs: dict[tuple[int, int], float] = {}

    def row(kind: str, frame: int, batch: int, solver=None, change=lambda model: model, modes: int = 1) -> dict:
        near = kind == "near field"
        data = scan(frame, 2 * batch if near else STEPS * batch, near)
        if (frame, batch) not in pairs:
            pairs[frame, batch] = pair(batch, frame, plan.least)
        found = {"kind": kind, "frame": frame, "batch": batch, "pair": pairs[frame, batch]}
        found |= epoch(data, change(start(data, modes=modes)), solver or pg.Nesterov(), batch, plan.least)
        found["of pair"] = found["step"] / found["pair"]
        report.content["rates"].append(found)
        return found

    frame, batch = plan.frame, plan.batch
    first = ("Nesterov", frame, batch)
    jobs = [first] + [("Nesterov", n, b) for n, batches in plan.rates.items() for b in batches]
    others = [
        ("ePIE", frame, 1, pg.PIE()),
        ("near field", frame, batch),
        ("Adam", frame, batch, pg.adam(STEP_SIZES)),
        ("rPIE", frame, batch, pg.PIE(0.1)),
        ("three modes", frame, batch, None, lambda model: model, 3),
        ("four slices", frame, batch, None, sliced),
    ]
    for job in [*jobs[:1], *(one for one in jobs[1:] if one != first), *others[: plan.kinds]]:
        report.measure(f"rate of {job[0]}, {job[1]} pixels, batch {job[2]}", lambda job=job: row(*job))


def sliced(model):
    """A thick object, of lengths in metres that make no difference to the time."""
    import ptychograd as pg

    return pg.models.with_slices(dataclasses.replace(model, sampling=(1e-8, 1e-8), wavelength=1e-10), 4, 1e-5)


def forms(plan: Plan) -> dict:
    """Seconds to cut the windows of a batch and to add to them: one after another, and all at once."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from ptychograd.core import windows

    frame, batch = plan.frame, plan.batch
    corners = jnp.asarray(np.random.default_rng(0).integers(0, 5 * frame, (batch, 2)), jnp.int32)
    array, patches = jnp.ones((6 * frame, 6 * frame)), jnp.ones((batch, frame, frame))
    dims = jax.lax.ScatterDimensionNumbers((1, 2), (), (0, 1))
    jobs = {
        "add, in turn": lambda a, p, c: jax.lax.scan(lambda a, one: (windows.add(a, *one), None), a, (p, c))[0],
        "add, at once": lambda a, p, c: jax.lax.scatter_add(a, c, p, dims),
        "add, as the package does": windows.add_all,
        "cut, in turn": lambda a, _, c: jax.lax.map(lambda c: windows.extract_window(a, c, (frame, frame)), c),
        "cut, at once": lambda a, _, c: jax.vmap(lambda c: windows.extract_window(a, c, (frame, frame)))(c),
    }
    found = {}
    for name, job in jobs.items():
        compiled = jax.jit(job)
        found[name] = median(
            lambda compiled=compiled: jax.block_until_ready(compiled(array, patches, corners)), plan.least
        )
    return found


def streaming(folder: Path, plan: Plan) -> dict:
    """Patterns a second of whole runs: all patterns on the device, and in blocks out of a file."""
    import ptychograd as pg

    data, path = scan(plan.frame, plan.streamed), folder / "scan.h5"
    pg.write(path, data)
    block = data.patterns[0].nbytes * max(1, plan.streamed // 8)
    found = {"frame": plan.frame, "patterns": plan.streamed, "bytes": int(data.patterns.nbytes)}
    for name, keep in (("resident", None), ("streamed", pg.data.StreamFromFile(0, block))):
        seen, there = [], pg.read(path, keep=keep)
        options = {"epochs": 4, "batch_size": plan.batch, "on_epoch": seen.append}
        pg.reconstruct(start(there), there, pg.Nesterov(), **options)
        found[name] = max(one.patterns_per_second for one in seen[1:])
    path.unlink()
    return found


def peers(folder: Path, plan: Plan, report: Report) -> None:
    """pty-chi and PtyLab on the same arrays, where they can be imported."""
    import jax

    sys.path.insert(0, str(ROOT))
    from benchmarks.peers.runs import rate

    os.environ["DEVICE"] = "cuda" if jax.default_backend() == "gpu" else "cpu"
    for name, module in PEERS.items():
        if importlib.util.find_spec(module) is None:
            report.content["left out"].append({"what": name, "why": "not installed"})
            continue

        def one(name: str = name) -> dict:
            found = report.content["peers"][name] = rate(name, scan(plan.frame, STEPS * plan.batch), plan.batch, folder)
            return found

        report.measure(f"peer {name}", one)
    report.write()


def table(content: dict) -> str:
    """What was measured as Markdown, for docs/benchmarks.md."""
    where = content["machine"]
    versions = ", ".join(f"{name} {where[name]}" for name in ("ptychograd", "jax", "jaxlib") if name in where)
    lines = [
        f"{where.get('device')} ({where.get('nvidia-smi')}); {where.get('platform')}; {versions}".replace("\n", " ")
    ]

    def rows(columns: Sequence[str], cells: Iterable[Sequence[str]]) -> list[str]:
        return ["", *(f"| {' | '.join(line)} |" for line in (columns, ["---"] * len(columns), *cells))]

    columns = ("", "pixels", "batch", "patterns/s", "step, ms", "pair, ms", "step / pair", "compiled in, s", "MiB")

    def cells(row: dict) -> tuple[str, ...]:
        times = (f"{1e3 * row[name]:.3g}" for name in ("step", "pair"))
        mebibytes = (row["scratch"] + row["held"]) / 2**20
        sizes = (row["kind"], f"{row['frame']}²", str(row["batch"]), f"{row['patterns/s']:,.0f}")
        return *sizes, *times, f"{row['of pair']:.2f}", f"{row['compilation']:.1f}", f"{mebibytes:.0f}"

    lines += rows(columns, map(cells, content["rates"]))
    far = ((name, f"{one['difference']:.1e}") for name, one in content["agreement"].items())
    lines += rows(("one epoch", "difference from the CPU, relative"), far)
    for name in ("streaming", "forms"):
        lines += rows((name, ""), ((key, f"{value:,.4g}") for key, value in content.get(name, {}).items()))
    found = ((f"{name} {one['version']}", f"{one['patterns/s']:,.0f}") for name, one in content["peers"].items())
    lines += rows(("peer", "patterns/s"), found)
    return "\n".join([*lines, "", *(f"- {one['what']}: {one['why']}" for one in content["left out"])]) + "\n"


def in_environment(folder: Path, wheels: Path, options: list[str]) -> int:
    """Make an environment out of files and run this script in it."""
    where = folder / "environment"
    if not (where / "bin" / "python").exists():
        venv.create(where, with_pip=True)
    python, local = where / "bin" / "python", ("--no-index", "--find-links", wheels)
    have = {name.name.partition("-")[0].lower().replace("_", "-") for name in wheels.iterdir()}
    cuda = [f"jax[cuda{n}]" for n in (12, 13) if f"jax-cuda{n}-plugin" in have]
    wanted = [*PACKAGES, *cuda, *(peer for peer in ("ptychi", "ptylab") if peer in have)]
    subprocess.run(list(map(str, (python, "-m", "pip", "install", "--quiet", *local, *wanted))), check=True)
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    return subprocess.run([str(python), __file__, *options], env=environment).returncode


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder of gpu.json and gpu.log")
    parser.add_argument("--minutes", type=float, default=7.5, help="after which nothing more is begun")
    parser.add_argument("--platform", help="cpu, where no accelerator is to be used")
    parser.add_argument("--small", action="store_true", help="small arrays, to try the script")
    parser.add_argument("--wheels", type=Path, help="folder of wheels, for an environment of its own")
    parser.add_argument("--table", type=Path, help="print a gpu.json as Markdown")
    parser.add_argument("--reference", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.table:
        print(table(json.loads(options.table.read_text())))
        return 0
    if options.wheels:
        given = list(sys.argv[1:] if arguments is None else arguments)
        place = given.index("--wheels")
        return in_environment(options.out.resolve(), options.wheels.resolve(), given[:place] + given[place + 2 :])
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # so that peaks are what was asked for
    if options.platform:
        os.environ["JAX_PLATFORMS"] = options.platform
    plan = SMALL if options.small else WHOLE
    if options.reference:
        reference(options.reference, plan)
        return 0
    report = Report(options.out, options.minutes)

    def into(name: str, job: Callable[[], dict]) -> dict:
        report.content[name] = job()
        return report.content[name]

    report.measure("machine", lambda: into("machine", machine))
    agreement(options.out / "reference", plan, report)
    report.measure("forms", lambda: into("forms", lambda: forms(plan)))
    rates(plan, report)
    report.measure("streaming", lambda: into("streaming", lambda: streaming(options.out, plan)))
    peers(options.out, plan, report)
    report.say(f"written to {report.path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
