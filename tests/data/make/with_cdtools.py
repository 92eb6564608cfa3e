"""Files that cdtools' own code writes (cdtools-py 0.3.2): `python with_cdtools.py FOLDER`.

Its writers ask torch only whether something is a tensor; where torch isn't installed, an empty one answers.
"""

import importlib.util
import sys
import types
from pathlib import Path

import letter
import numpy as np

if importlib.util.find_spec("torch") is None:
    torch = types.ModuleType("torch")
    torch.Tensor = type("Tensor", (), {})
    torch.is_tensor = lambda value: False
    torch.as_tensor = np.asarray
    sys.modules["torch"] = torch

place = importlib.util.find_spec("cdtools").submodule_search_locations[0]
spec = importlib.util.spec_from_file_location("cdtools_data", Path(place) / "tools/data/data.py")
writers = importlib.util.module_from_spec(spec)
spec.loader.exec_module(writers)

BASIS = np.array([[0, -letter.PIXEL], [-letter.PIXEL, 0], [0, 0]])


def scan(path: Path) -> None:
    places = letter.positions()
    with writers.create_cxi(str(path)) as file:
        writers.add_source(file, letter.WAVELENGTH)
        writers.add_detector(file, letter.DISTANCE, BASIS)
        writers.add_mask(file, ~letter.bad_pixels())
        writers.add_data(file, letter.patterns(), axes=["translation", "y", "x"])
        writers.add_ptycho_translations(file, -np.column_stack([places[:, 1], places[:, 0], np.zeros(30)]))


def result(path: Path) -> None:
    """What `FancyPtycho.save_results` returns, with a known answer in the place of a found one."""
    dy, dx = letter.object_pixel()
    basis = np.array([[0, -dx], [-dy, 0], [0, 0]])
    places = letter.positions()
    moved = -np.column_stack([places[:, 1], places[:, 0], np.zeros(30)])
    first = (np.array(letter.FRAME) - 1) / 2 - (np.array(letter.OBJECT) - 1) / 2  # of the object's first pixel
    writers.nested_dict_to_h5(
        path,
        {
            "state_dict": {"min_translation": first},
            "loss_history": np.array([1.0, 0.5]),
            "epoch": 2,
            "model_class": "FancyPtycho",
            "cdtools_version": "0.3.2",
            "obj_basis": basis,
            "probe_basis": basis,
            "translations": moved,
            "original_translations": moved,
            "probe": letter.probe_wave()[None].astype(np.complex64),
            "obj": letter.object_wave().astype(np.complex64),
            "oversampling": np.array(1),
            "weights": np.ones(30),
            "wavelength": np.array(letter.WAVELENGTH),
        },
    )


folder = Path(sys.argv[1])
scan(folder / "cdtools.cxi")
result(folder / "cdtools_result.h5")
