"""PtyLab (PyPI `ptylab`), its engines on arrays in memory; positions are rounded to whole pixels, as it does."""

import contextlib
import importlib.metadata
import io
import logging
import os

import numpy as np
from common import grown, main
from PtyLab import DummyMonitor, Engines, ExperimentalData, Params, Reconstruction

SETTINGS = {
    "ePIE": ("ePIE", 1.0),
    "ePIE, steps of 0.25": ("ePIE", 0.25),
    "mPIE": ("mPIE", 0.25),
    "mPIE, steps of 1": ("mPIE", 1.0),
}


class Enough(Exception):
    """The record has all that it wants."""


def run(problem, setting, record):
    name, step = setting
    logging.disable(logging.WARNING)
    np.random.seed(0)  # noqa: NPY002  that is what PtyLab draws from
    n, side, shape = problem.probe.shape[-1], max(problem.object.shape), problem.object.shape
    data = ExperimentalData("test:nodata", "CPM")
    data.ptychogram = problem.patterns.astype(np.float32)
    data.wavelength, data.zo, data.dxd = 1e-9, 1.0, 1e-5
    pixel = data.wavelength * data.zo / (n * data.dxd)
    data.encoder = (problem.positions - (side // 2 - n // 2)) * pixel
    data._setData()
    params = Params()
    params.gpuSwitch = os.environ.get("DEVICE") == "cuda"
    params.propagatorType = "Fraunhofer"
    there = Reconstruction(data, params)
    there.No, there.npsm = side, len(problem.probe)
    there.initializeObjectProbe()
    there.object = grown(problem.object, (side, side)).reshape(there.object.shape).astype(np.complex64)
    there.probe = problem.probe.reshape(there.probe.shape).astype(np.complex64)
    engine = getattr(Engines, name)(there, data, params, DummyMonitor())
    engine.numIterations, engine.betaObject = record.epochs + 1, step
    engine.betaProbe = 0.0 if problem.hold else step

    def state():
        return np.squeeze(there.object)[: shape[0], : shape[1]], there.probe.reshape(problem.probe.shape)

    def after(epochs):
        engine.betaProbe = 0.0 if epochs < problem.hold else step
        if not record(state):
            raise Enough

    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(Enough):
        if name == "mPIE":
            engine.reconstruct(vis_after_each_iteration=lambda loop, _: after(loop + 1))
            return
        before = 0
        for loop, _ in engine.reconstruct_stepwise():
            if loop != before:
                before = loop
                after(loop)


if __name__ == "__main__":
    main(SETTINGS, run, importlib.metadata.version("ptylab"))
