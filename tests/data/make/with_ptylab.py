"""Files that PtyLab's own code writes or has read (ptylab 0.3.7): `python with_ptylab.py FOLDER`.

The result is written by `Reconstruction.saveResults`. For data PtyLab has no writer: the file is made by its schema,
and loaded with its `ExperimentalData` before it is kept.
"""

import sys
from pathlib import Path
from types import SimpleNamespace

import h5py
import letter
import numpy as np
from PtyLab.ExperimentalData.ExperimentalData import ExperimentalData
from PtyLab.Reconstruction.Reconstruction import Reconstruction

FRAME, WIDTH = (24, 24), 62


def main(folder: Path) -> None:
    pixel = letter.object_pixel(FRAME)[0]
    above = (WIDTH - letter.OBJECT[0]) // 2
    whole = np.ones((WIDTH, WIDTH), np.complex64)
    whole[above : above + letter.OBJECT[0]] = letter.object_wave()
    encoder = (letter.corners(FRAME) + np.array((above, 0)) - (WIDTH // 2 - FRAME[0] // 2)) * pixel
    with h5py.File(folder / "ptylab.hdf5", "w") as file:
        turned = np.swapaxes(letter.patterns(FRAME)[..., ::-1], -1, -2)  # which orientation 5 turns back
        file.create_dataset("ptychogram", data=turned, compression="gzip")
        file["encoder"], file["dxd"], file["zo"] = encoder, (letter.PIXEL,), (letter.DISTANCE,)
        file["wavelength"], file["orientation"], file["entrancePupilDiameter"] = (letter.WAVELENGTH,), 5, 10 * pixel
    loaded = ExperimentalData(str(folder / "ptylab.hdf5"), operationMode="CPM")
    np.testing.assert_array_equal(loaded.ptychogram, letter.patterns(FRAME))
    probe = letter.probe_wave(FRAME)[None, None, None, None].astype(np.complex64)
    found = SimpleNamespace(
        data=SimpleNamespace(operationMode="CPM"),
        probe=probe,
        object=whole[None, None, None, None],
        error=np.array([1.0, 0.5]),
        _zo=letter.DISTANCE,
        wavelength=letter.WAVELENGTH,
        dxp=pixel,
        purityProbe=1.0,
        purityObject=1.0,
        encoder_corrected=encoder,
        theta=None,
        _writeExtraResults=lambda file: None,
    )
    Reconstruction.saveResults(found, str(folder / "ptylab_result.hdf5"))


main(Path(sys.argv[1]))
