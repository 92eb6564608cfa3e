"""What the default solver reaches on the paper's Bragg experiment, reduced or whole, and how long an epoch takes.

    taskset -c 0 python benchmarks/bragg.py [--seeds 0 1 2 3] [--starts 0] [--epochs 40]
    taskset -c 0 python benchmarks/bragg.py --whole --seeds 0 [--adam 70]
    taskset -c 0 python benchmarks/bragg.py --times [--whole]

Errors are of the whole crystal, of its core and of the core's phase; seconds are those of the whole run. --plain leaves
shrink-wrap and shifts along the beam out; --adam takes Adam (step 0.01) for so many epochs in place of the default.
"""

import argparse
import statistics
import time
import warnings

import numpy as np
import scipy.fft

import ptychograd as pg
from ptychograd.paper.bragg import BraggExperiment
from ptychograd.quality.comparison import compare_with_truth

POSITIONS = 16  # of a batch
ROUNDS = 7


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--whole", action="store_true", help="14,760 patterns of 64 x 64 in place of 3,780 of 32 x 32")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    parser.add_argument("--starts", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--adam", type=int, default=0)
    parser.add_argument("--plain", action="store_true")
    parser.add_argument(
        "--times", action="store_true", help="only the time of an epoch, beside products and transforms"
    )
    options = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)  # about aliasing, which is the paper's
    experiment = BraggExperiment() if options.whole else BraggExperiment.reduced()
    if options.times:
        show_times(experiment)
        return
    for seed in options.seeds:
        data = experiment.dataset(seed)
        for start in options.starts:
            show_run(data, options, seed, start)


def show_run(data, options, seed, start):
    """One reconstruction's errors and seconds."""
    solver = pg.adam({"object": 0.01}) if options.adam else pg.Nesterov()
    epochs = options.adam or options.epochs
    stages = (pg.Stage(epochs, ("object",)),) if options.plain else pg.runs.crystal_stages(epochs)
    begin = time.perf_counter()
    model = pg.bragg(data, object=pg.models.random_object(start))
    positions = 26 if options.adam else POSITIONS
    result = pg.perform(pg.Run(model, data, solver, stages, positions * data.group, start))
    seconds = time.perf_counter() - begin
    errors = compare_with_truth(result, data)
    texts = "  ".join(f"{name} {value:.4f}" for name, value in errors.items() if name != "probe_nrmse")
    print(f"seed {seed}, start {start}: {texts}  R {result.history.r_factor[-1]:.5f}  {seconds:.1f} s", flush=True)


def show_times(experiment):
    """Milliseconds a position, medians of rounds: an epoch of each solver, and what it can't do without."""
    data = experiment.dataset(0)
    model = pg.bragg(data)
    count, size = data.count // data.group, POSITIONS * data.group
    solvers = {"forward model": pg.solvers.EvaluateOnly(), "Adam": pg.adam({"object": 0.01}), "Nesterov": pg.Nesterov()}
    for name, solver in solvers.items():
        seconds = epochs_of(model, data, solver, size)
        print(f"{name:40s} {1e3 * seconds / count:.3f} ms a position, {data.count / seconds:,.0f} patterns/s")
    window = model.window[0], len(model.object.support) * data.frame_shape[1]
    jobs = {
        "two products (NumPy)": products(data.group, *window),
        "two transforms of each pattern (SciPy)": transforms(data.group, data.frame_shape),
    }
    for name, job in jobs.items():
        print(f"{name:40s} {1e3 * timed(job):.3f} ms a position")


def epochs_of(model, data, solver, size):
    """Median seconds of an epoch, the first, which compiles, left out."""
    result = pg.reconstruct(model, data, solver, epochs=ROUNDS + 1, batch_size=size, trainable=("object",))
    return statistics.median(result.history.seconds[1:])


def products(angles, depth, others):
    """The sum over y for all angles of a position, and its adjoint."""
    rng = np.random.default_rng(0)
    turns, wave = (rng.normal(size=(*shape, 2)) @ [1, 1j] for shape in ((angles, depth), (depth, others)))
    turns, wave = turns.astype(np.complex64), wave.astype(np.complex64)
    back = np.ascontiguousarray(turns.conj().T)
    return lambda: back @ (turns @ wave)


def transforms(angles, frame):
    """Forth and back for all angles of a position."""
    wave = np.ones((angles, *frame), np.complex64)
    return lambda: scipy.fft.ifft2(scipy.fft.fft2(wave))


def timed(job):
    """Median seconds of a call."""
    times = []
    for _ in range(200):
        begin = time.perf_counter()
        job()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


if __name__ == "__main__":
    main()
