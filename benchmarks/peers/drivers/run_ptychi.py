"""pty-chi (PyPI `ptychi`), by its task API."""

import importlib.metadata
import os

import numpy as np
import ptychi.api as api
import torch
from common import main
from ptychi.api.task import PtychographyTask

SETTINGS = {
    "LSQML, batch 64": ("LSQML", 64, 0.0),
    "LSQML, batch 16": ("LSQML", 16, 0.0),
    "LSQML compact with momentum, batch 64": ("LSQML", 64, 0.5),
    "rPIE, batch 16": ("RPIE", 16, 0.0),
    "ePIE, batch 1": ("EPIE", 1, 0.0),
}


def run(problem, setting, record):
    kind, batch, momentum = setting
    torch.set_num_threads(1)
    options = getattr(api, f"{kind}Options")()
    options.object_options.pixel_size_m = 1e-8
    options.object_options.determine_position_origin_coords_by = api.ObjectPosOriginCoordsMethods.SPECIFIED
    options.object_options.position_origin_coords = ((np.array(problem.probe.shape[1:]) - 1) / 2).tolist()
    options.object_options.optimizer = options.probe_options.optimizer = api.Optimizers.SGD
    options.probe_options.optimization_plan.start = int(problem.hold)
    engine = options.reconstructor_options
    engine.num_epochs, engine.batch_size, engine.random_seed = record.epochs, min(batch, len(problem.patterns)), 0
    engine.default_device = api.Devices.GPU if os.environ.get("DEVICE") == "cuda" else api.Devices.CPU
    engine.displayed_loss_function = None
    if momentum:
        engine.momentum_acceleration_gain = momentum
        engine.batching_mode = api.BatchingModes.COMPACT
    with PtychographyTask(
        options,
        diffraction_data=problem.patterns.astype(np.float32),
        object_data=problem.object[None].astype(np.complex64),
        probe_data=problem.probe[None].astype(np.complex64),
        probe_position_y_px=problem.positions[:, 0].astype(np.float32),
        probe_position_x_px=problem.positions[:, 1].astype(np.float32),
    ) as task:

        def state():
            object = task.get_data_to_cpu("object", as_numpy=True)[0]
            return object, task.get_data_to_cpu("probe", as_numpy=True)[0]

        task.run(1)
        while record(state):
            task.run(1)


if __name__ == "__main__":
    main(SETTINGS, run, importlib.metadata.version("ptychi"))
