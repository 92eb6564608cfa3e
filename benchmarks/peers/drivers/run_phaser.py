"""phaser (PyPI `phaserem`), by its engines on a state that is put together here."""

import importlib.metadata
import logging

import numpy as np
import pane
from common import main
from phaser.execute import execute_engine
from phaser.hooks import EngineHook
from phaser.observer import Observer, ObserverSet
from phaser.state import (
    IterState,
    Patterns,
    PixelatedObjectState,
    PixelatedProbeState,
    PreparedRecons,
    ReconsState,
    ScanState,
)
from phaser.types import EarlyTermination
from phaser.utils.num import Sampling, get_backend_module, to_numpy
from phaser.utils.object import ObjectSampling


def conventional(solver: str, grouping: int, **options) -> dict:
    """Its step along the mean of a group has the unit of 1 / |P|², so the patterns are scaled until max |P|² is 1."""
    engine = {"type": "conventional", "noise_model": "amplitude", "solver": {"type": solver} | options}
    return engine | {"grouping": grouping, "scaled": solver == "lsqml"}


def gradient(object: float, probe: float, grouping: int, noise: str = "anscombe") -> dict:
    """Steps of Adam; that of the probe is relative to its root mean square."""
    solvers = {"object": {"type": "adam", "learning_rate": object}, "probe": {"type": "adam", "learning_rate": probe}}
    return {"type": "gradient", "noise_model": noise, "solvers": solvers, "regularizers": [], "grouping": grouping}


REGULAR = {"illum_reg_object": 1.0, "illum_reg_probe": 1.0}  # with the defaults, 0.01, it diverges on these data
SETTINGS = {
    "LSQ-ML, groups of 16": conventional("lsqml", 16, **REGULAR),
    "LSQ-ML, groups of 64": conventional("lsqml", 64, **REGULAR),
    "ePIE, groups of 4": conventional("epie", 4),
    "ePIE, groups of 16": conventional("epie", 16),
    "Adam 0.03, 0.1, groups of 16": gradient(0.03, 0.1, 16),
    "Adam 0.05, 0.1, groups of 64": gradient(0.05, 0.1, 64),
    "Adam 0.03, 0.1, Poisson, groups of 16": gradient(0.03, 0.1, 16, "poisson"),
}


class Watching(Observer):
    """Tells the record of each epoch."""

    def __init__(self, record, shape):
        self.record, self.shape = record, shape

    def start_engine(self, init_state):
        import time

        self.record.begin = time.perf_counter()

    def update_iteration(self, state, i, n, errors):
        def found():
            first = np.round(-state.object.sampling.corner).astype(int)
            rows, columns = (slice(a, a + n) for a, n in zip(first, self.shape, strict=True))
            return to_numpy(state.object.data)[0, rows, columns], to_numpy(state.probe.data)

        if not self.record(found):
            raise EarlyTermination(state, True)


def run(problem, setting, record):
    logging.disable(logging.WARNING)
    xp = get_backend_module("jax")
    n = np.array(problem.probe.shape[1:])
    engine = setting | {"niter": record.epochs, "probe_modes": len(problem.probe), "obj_pad_px": -0.5}
    engine |= {"update_probe": {"after": int(problem.hold)}}
    engine |= {"group_constraints": [], "iter_constraints": [], "calc_error": False, "buffer_n_groups": None}
    if "solvers" in engine:
        probe, size = engine["solvers"]["probe"], float(np.sqrt(np.mean(np.abs(problem.probe[0]) ** 2)))
        engine["solvers"] = engine["solvers"] | {"probe": probe | {"learning_rate": probe["learning_rate"] * size}}
    scale = 1 / float(np.max(np.abs(problem.probe) ** 2)) if engine.pop("scaled", False) else 1.0
    hook = pane.from_data(engine, EngineHook)
    patterns = np.fft.ifftshift(problem.patterns.astype(np.float32) * np.float32(scale), (1, 2))
    scan = (problem.positions + (n - 1) / 2).astype(np.float32)
    probe = (problem.probe * np.sqrt(scale)).astype(np.complex64)
    state = ReconsState(
        iter=IterState.empty(),
        wavelength=1.0,
        probe=PixelatedProbeState(
            Sampling(tuple(n), sampling=(1.0, 1.0)), (problem.probe * np.sqrt(scale)).astype(np.complex64)
        ),
        object=PixelatedObjectState(
            ObjectSampling(problem.object.shape, (1.0, 1.0), (0.0, 0.0)),
            problem.object[None].astype(np.complex64),
            np.array([], np.float32),
        ),
        scan=ScanState(scan, scan.copy()),
    )
    observer = ObserverSet((Watching(record, problem.object.shape),))
    mask = np.ones(patterns.shape[1:], np.float32)
    execute_engine(PreparedRecons(Patterns(patterns, mask), state.to_xp(xp), "benchmark", observer), hook)


if __name__ == "__main__":
    main(SETTINGS, run, importlib.metadata.version("phaserem"))
