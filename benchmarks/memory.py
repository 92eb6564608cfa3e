"""How well a run's memory is told beforehand: `memory_plan` beside the peak of a fresh process that does the run.

    python benchmarks/memory.py [PART OF A CASE'S NAME ...]

Every case is a process of its own, which reads its data from a file, plans, reconstructs two epochs and saves. Measured
is the high-water mark of its resident memory (VmHWM). Programs are compiled anew, none comes from a cache.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

STEPS = {"object": 0.001, "probe": 0.1}  # of Adam


class Case(NamedTuple):
    """What is reconstructed: pixels of a frame along each side, patterns, and pixels between them."""

    name: str
    frame: int
    count: int
    step: float
    solver: str = "nesterov"
    near: bool = False
    modes: int = 1
    batch_size: int = 16
    devices: int = 1
    memory: int | None = None
    dtype: str = "uint16"


CASES = (
    Case("64, 484 patterns", 64, 484, 8),
    Case("64, 484 patterns, adam", 64, 484, 8, "adam"),
    Case("64, 484 patterns, epie", 64, 484, 8, "epie", batch_size=1),
    Case("64, 20,000 patterns", 64, 20_000, 4),
    Case("64, 20,000 patterns, two devices", 64, 20_000, 4, devices=2),
    Case("64, 20,000 patterns, in the file", 64, 20_000, 4, memory=20_000_000),
    Case("64, 20,000 patterns, doubles", 64, 20_000, 4, dtype="float64"),
    Case("128, 256 patterns", 128, 256, 16),
    Case("256, 128 patterns", 256, 128, 32),
    Case("256, 128 patterns, three modes", 256, 128, 32, modes=3),
    Case("256, 2,000 patterns", 256, 2_000, 16),
    Case("256, 2,000 patterns, in the file", 256, 2_000, 16, memory=50_000_000),
    Case("256, 2,000 patterns, in the file, two devices", 256, 2_000, 16, memory=50_000_000, devices=2),
    Case("512 near field, 25 patterns", 512, 25, 64, near=True, batch_size=5),
    Case("large object, nesterov", 64, 1_024, 62.4),
    Case("large object, adam", 64, 1_024, 62.4, "adam"),
    Case("large object, epie", 64, 1_024, 62.4, "epie", batch_size=1),
    Case("large object, nesterov, two devices", 64, 1_024, 62.4, devices=2),
    Case("large object, adam, two devices", 64, 1_024, 62.4, "adam", devices=2),
)


def main(text: list[str]) -> None:
    """Run the cases and print the table."""
    print("| case | estimate | measured | ratio |\n|---|---|---|---|", flush=True)
    for case in CASES:
        if not text or any(text_part in case.name for text_part in text):
            told = measured(case)
            ratio = told["estimate"] / told["measured"]
            megabytes = " | ".join(f"{told[name] / 1e6:,.0f} MB" for name in ("estimate", "measured"))
            print(f"| {case.name} | {megabytes} | {ratio:.2f} |", flush=True)
            print("   ", {name: f"{number / 1e6:.1f}" for name, number in told["parts"].items()}, file=sys.stderr)


def measured(case: Case) -> dict:
    """Estimate, parts and peak in bytes, of a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        written = [sys.executable, __file__, "--write", folder, json.dumps(case)]
        subprocess.run(written, check=True)
        done = [sys.executable, __file__, "--run", folder, json.dumps(case)]
        return json.loads(subprocess.run(done, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])


def write(folder: Path, case: Case) -> None:
    """A file with patterns of few photons; what they show makes no difference to memory."""
    import ptychograd as pg

    rng = np.random.default_rng(0)
    side = int(np.ceil(np.sqrt(case.count)))
    places = np.stack(np.meshgrid(*[case.step * np.arange(side)] * 2, indexing="ij"), -1).reshape(-1, 2)[: case.count]
    y, x = np.mgrid[: case.frame, : case.frame] / case.frame - 0.5
    wave = 10 * np.exp(-(y**2 + x**2) / 0.03) * np.exp(40j * (y**2 + x**2))
    mean = np.abs(np.fft.fftshift(np.fft.fft2(wave, norm="ortho"))) ** 2
    some = rng.poisson(mean, (16, *mean.shape)).astype(case.dtype)
    patterns = some[np.arange(case.count) % 16]
    geometry = None
    if case.near:
        geometry = pg.NearFieldGeometry(wavelength=1e-10, distance=case.frame * 1e-3, pixel_size=(1e-6, 1e-6))
        places = places * 1e-6
    pg.write(folder / "data.h5", pg.make_dataset(patterns, places, geometry=geometry, probe=wave))


def reconstruct(folder: Path, case: Case) -> None:
    """Read, plan, reconstruct, save, and print the numbers."""
    import jax

    jax.config.update("jax_num_cpu_devices", case.devices)

    import ptychograd as pg
    from ptychograd.core.memory import give_back_large_arrays, peak_memory
    from ptychograd.data.dataset import StreamFromFile
    from ptychograd.data.files import read
    from ptychograd.fitting.reconstruction import Task
    from ptychograd.runs.memory_plan import memory_plan

    give_back_large_arrays()  # as the commands do
    data = read(folder / "data.h5", keep=StreamFromFile(case.memory, case.memory // 4) if case.memory else None)
    model = (pg.near_field if case.near else pg.far_field)(data, object=pg.models.random_object(0), modes=case.modes)
    solver = {"nesterov": pg.Nesterov(), "adam": pg.adam(STEPS), "epie": pg.PIE()}[case.solver]
    devices = tuple(jax.devices()) if case.devices > 1 else None
    both = ("object", "probe")
    task = Task(model, data, solver, 2, case.batch_size, both, pg.Amplitude(), devices=devices)
    place = memory_plan([task]).host
    before = peak_memory()
    result = pg.reconstruct(model, data, solver, epochs=2, batch_size=case.batch_size, devices=devices)
    after = peak_memory()
    result.save(folder / "result.h5")
    numbers = {"estimate": place.total, "measured": peak_memory(), "parts": place.parts}
    numbers["parts"] |= {"(taken": place.taken, "peak before": before, "peak after)": after}
    print(json.dumps(numbers))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        write(Path(sys.argv[2]), Case(*json.loads(sys.argv[3])))
    elif sys.argv[1:2] == ["--run"]:
        reconstruct(Path(sys.argv[2]), Case(*json.loads(sys.argv[3])))
    else:
        main(sys.argv[1:])
