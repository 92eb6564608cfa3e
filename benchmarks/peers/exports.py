"""Exports read back by their owners' own readers.

    python -m benchmarks.peers.exports write FOLDER       # with ptychograd: a result in each form, and what is in it
    python benchmarks/peers/exports.py read FOLDER        # in one with cdtools-py, ptychodus, ptylab, emdfile, ptyrad,
                                                          # nexusformat, or some of them

The second says for each file what was the largest difference in object, probe (relative) and first pixels (in pixels).
"""

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np

SHAPE, FRAME, PIXEL = (60, 70), (24, 20), (1e-8, 1.5e-8)
ENDINGS = (".cxi", ".h5", ".npz", ".emd", ".mat", ".mrc", ".nxs", ".tiff", ".png")


def letter() -> np.ndarray:
    """An F of matter, of negative phase, upright in an array whose row 0 is at the top."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    stem, top = (abs(x - 25) < 4) & (abs(y - 30) < 18), (abs(y - 15) < 3) & (abs(x - 34) < 13)
    middle = (abs(y - 29) < 3) & (abs(x - 30) < 9)
    return np.where(stem | top | middle, 0.8 * np.exp(-0.9j), 1).astype(np.complex64)


def write(folder: Path) -> None:
    """A result in every form, and its arrays in expected.npz."""
    import ptychograd as pg
    from ptychograd.fitting.result import History

    y, x = np.mgrid[: FRAME[0], : FRAME[1]]
    beam = np.exp(-((y - 10) ** 2) / 30 - (x - 11) ** 2 / 20 + 0.2j * x)
    modes = np.stack([100 * beam, 30j * beam * (y - 10)]).astype(np.complex64)
    corners = np.stack(np.meshgrid(np.arange(1, 36, 7), np.arange(2, 50, 8), indexing="ij"), -1).reshape(-1, 2)
    arrays = {"object.transmission": letter(), "probe.modes": modes, "scan.corner": corners}
    geometry = {"wavelength": 1e-10, "distance": 2.0, "pixel_size": [5e-5, 5e-5]}
    settings = {"stopped": "all epochs done", "geometry": geometry}
    places = corners * PIXEL + np.array([1e-6, -4e-6])
    result = pg.Result(arrays, {}, History.empty(), settings, PIXEL, places)
    folder.mkdir(parents=True, exist_ok=True)
    for ending in ENDINGS:
        pg.export(result, folder / f"letter{ending}")
    arrays["probe.modes"] = np.pad(modes, ((0, 0), (0, 0), (2, 2)))  # as square as windows and pixels of PtyLab are
    square = pg.Result(arrays, {}, History.empty(), settings, (PIXEL[0], PIXEL[0]), places)
    pg.export(square, folder / "letter.hdf5")
    np.savez(folder / "expected.npz", object=letter(), probe=modes, corners=corners, positions=places)


def of_ptychodus(path: Path, module: str, reader: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Object, probe and first pixels as ptychodus takes them."""
    product = getattr(importlib.import_module(f"ptychodus.plugins.{module}"), reader)().read(path)
    geometry = product.object_.get_geometry()
    places = [geometry.map_coordinates_probe_to_object(point) for point in product.probe_positions]
    middle = np.array([[place.y_px, place.x_px] for place in places])
    energy = product.metadata.photon_energy_eV
    print(f"  wavelength {6.62607015e-34 * 299792458 / 1.602176634e-19 / energy:.6g} m of {energy:.6g} eV")
    return product.object_.get_array()[0], product.probes.get_array()[0], middle - (np.array(FRAME) - 1) / 2


def of_cdtools(path: Path) -> np.ndarray:
    """First pixels relative to the first one, as cdtools takes them from translations and basis."""
    import h5py

    if importlib.util.find_spec("torch") is None:  # its readers ask only whether something is a tensor
        torch = types.ModuleType("torch")
        torch.is_tensor = lambda value: False  # type: ignore[attr-defined]
        sys.modules["torch"] = torch
    found = importlib.util.find_spec("cdtools")
    place = Path((found.submodule_search_locations or [""])[0]) if found else Path()
    spec = importlib.util.spec_from_file_location("cdtools_data", place / "tools/data/data.py")
    readers = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(readers)  # type: ignore[union-attr]
    with h5py.File(path) as file:
        moves = readers.get_ptycho_translations(file)
        distance, basis, _ = readers.get_detector_geometry(file)
        print(f"  wavelength {readers.get_wavelength(file):.6g} m, distance {distance} m")
    pixel = basis / np.linalg.norm(basis, axis=0) * PIXEL
    return (np.linalg.pinv(pixel) @ (moves - moves[0]).T).T


def of_ptylab(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Object and probe as PtyLab takes them for a further reconstruction, and first pixels by its own formula."""
    import h5py
    from PtyLab.Reconstruction.Reconstruction import Reconstruction

    found = types.SimpleNamespace()
    Reconstruction.load(found, path)  # type: ignore[arg-type]
    with h5py.File(path) as file:
        places = np.asarray(file["encoder_corrected"]) / found.dxp
    sizes = found.object.shape[-1], found.probe.shape[-1]
    return found.object[0, 0, 0], found.probe[0, 0, :, 0], places + sizes[0] // 2 - sizes[1] // 2


def of_emdfile(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Object, probe and first pixels as emdfile, and py4DSTEM by it, read them."""
    import emdfile

    root: Any = emdfile.read(str(path))
    print(f"  axes {root.tree('object').dim_names}, {root.tree('object').dim_units}, {dict(root.metadata)}")
    return tuple(root.tree(name).data for name in ("object", "probe", "corners"))  # type: ignore[return-value]


def of_ptyrad(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Object, probe and first pixels as ptyrad loads them from a result of PtychoShelves (its `PtyShv`)."""
    if importlib.util.find_spec("torch") is None:  # which these readers never call
        names = ("torch", "torch.fft", "torch.nn", "torch.nn.functional", "torch.utils", "torch.utils.data")
        sys.modules.update({name: MagicMock(__spec__=None) for name in names})
    if importlib.util.find_spec("torchvision") is None:
        sys.modules.update({n: MagicMock() for n in ("torchvision", "torchvision.transforms.functional")})
    initializer: Any = importlib.import_module("ptyrad.init.initializer").Initializer
    fresh = types.SimpleNamespace(use_cached_obj=False, use_cached_probe=False, use_cached_pos=False)
    loads = (getattr(initializer, f"_load_{what}_from_ptyshv") for what in ("obj", "probe", "pos"))
    image, probe, corners = (load(fresh, str(path)) for load in loads)
    return image[0, 0], probe, corners


def of_nexusformat(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Object, probe and first pixels as nexusformat, and NeXpy by it, read them; what it would draw is the object."""
    nexus: Any = importlib.import_module("nexusformat.nexus")
    root = nexus.nxload(str(path))
    axes = [axis.nxname for axis in root.plottable_data.nxaxes]
    print(f"  draws {root.plottable_data.nxname}, axes {axes} in {root.plottable_data.nxaxes[0].units}")
    entry = root["entry"]
    image, probe = (entry[name].nxsignal.nxvalue for name in ("object", "probe"))
    return image, probe, entry["positions/corner"].nxvalue


def compare(name: str, found: tuple[np.ndarray, np.ndarray, np.ndarray], expected: Any) -> None:
    """Say how far object, probe and first pixels are from those that were written."""
    image, probe, corners = found
    side = [slice(0, n) for n in expected["object"].shape]
    beam = expected["probe"]
    margin = (probe.shape[-1] - beam.shape[-1]) // 2
    probe = probe[..., margin : margin + beam.shape[-1]]
    of_object = np.abs(image[..., *side] - expected["object"]).max()
    of_probe = np.abs(probe - beam).max() / np.abs(beam).max()
    of_places = np.abs(corners - expected["corners"]).max()
    print(f"{name}: object {of_object:.1e}, probe {of_probe:.1e}, pixels {of_places:.1e}")


def read(folder: Path) -> None:
    """Say how far what the owners read is from what was written."""
    expected = np.load(folder / "expected.npz")
    if importlib.util.find_spec("PtyLab"):
        compare("letter.hdf5 by PtyLab", of_ptylab(folder / "letter.hdf5"), expected)
    if importlib.util.find_spec("emdfile"):
        compare("letter.emd by emdfile", of_emdfile(folder / "letter.emd"), expected)
    if importlib.util.find_spec("ptyrad"):
        compare("letter.mat by ptyrad", of_ptyrad(folder / "letter.mat"), expected)
    if importlib.util.find_spec("nexusformat"):
        compare("letter.nxs by nexusformat", of_nexusformat(folder / "letter.nxs"), expected)
    if importlib.util.find_spec("ptychodus"):
        _by_ptychodus(folder, expected)
    if importlib.util.find_spec("cdtools"):
        print("letter.cxi by cdtools:")
        corners = of_cdtools(folder / "letter.cxi") + expected["corners"][0]
        print(f"  pixels {np.abs(corners - expected['corners']).max():.1e}")


def _by_ptychodus(folder: Path, expected: Any) -> None:
    readers = {
        ".h5": ("h5_product_file", "H5ProductFileIO"),
        ".npz": ("npz_product_file", "NPZProductFileIO"),
        ".cxi": ("cxi_file", "CXIProductFileIO"),
    }
    for ending, (module, reader) in readers.items():
        compare(f"letter{ending} by ptychodus", of_ptychodus(folder / f"letter{ending}", module, reader), expected)


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](Path(sys.argv[2]))
