"""cdtools (PyPI `cdtools-py`), its model FancyPtycho with what is not asked for held."""

import importlib.metadata

import numpy as np
import torch
from cdtools.datasets import Ptycho2DDataset
from cdtools.models import FancyPtycho
from common import main

SETTINGS = {
    "Adam 0.005, batch 16": (0.005, 16),
    "Adam 0.02, batch 16": (0.02, 16),
    "Adam 0.02, batch 64": (0.02, 64),
    "Adam 0.05, batch 64": (0.05, 64),
}
HELD = ("background", "weights", "translation_offsets")
WAVELENGTH, DISTANCE, PIXEL = 1e-9, 1.0, 1e-5  # of which only the pixel of the object is used


def run(problem, setting, record):
    step, batch = setting
    torch.set_num_threads(1)
    torch.manual_seed(0)
    basis = torch.tensor([[0.0, -PIXEL], [-PIXEL, 0.0], [0.0, 0.0]])
    geometry = {"distance": DISTANCE, "basis": basis, "corner": None}
    pixel = WAVELENGTH * DISTANCE / (np.array(problem.patterns.shape[1:]) * PIXEL)
    # along (y, x) of the object, as the basis turns them
    translations = np.stack([-problem.positions[:, 1] * pixel[1], -problem.positions[:, 0] * pixel[0]], -1)
    translations = np.concatenate([translations, np.zeros((len(translations), 1))], axis=1).astype(np.float32)
    patterns = torch.tensor(problem.patterns.astype(np.float32))
    data = Ptycho2DDataset(translations, patterns, wavelength=WAVELENGTH, detector_geometry=geometry)
    model = FancyPtycho.from_dataset(data, n_modes=len(problem.probe), obj_padding=0)
    model.min_translation = torch.zeros(2)
    start = torch.tensor(problem.probe.astype(np.complex64))
    model.probe_norm = torch.max(torch.abs(start[0]))
    model.probe.data = start / model.probe_norm
    model.obj.data = torch.tensor(problem.object.astype(np.complex64))
    for name in HELD:
        getattr(model, name).requires_grad = False
    model.background.data[:] = 0

    def state():
        return model.obj.detach().numpy(), (model.probe * model.probe_norm).detach().numpy()

    options = {"batch_size": min(batch, len(patterns)), "lr": step, "thread": False}
    parts = (int(problem.hold), record.epochs - int(problem.hold))
    for epochs, is_free in zip(parts, (False, True), strict=True):
        model.probe.requires_grad = is_free
        for _ in model.Adam_optimize(epochs, data, **options) if epochs else ():
            if not record(state):
                return


if __name__ == "__main__":
    main(SETTINGS, run, importlib.metadata.version("cdtools-py"))
