"""Files that ptychodus' own code writes (1.7.0): `python with_ptychodus.py FOLDER`."""

import sys
from pathlib import Path

import letter
import numpy as np
from ptychodus.api.assemble import AssembledDiffractionData
from ptychodus.api.diffraction import (
    DiffractionDatasetLayoutNode,
    DiffractionMetadata,
    SimpleDiffractionArray,
    SimpleDiffractionDataset,
)
from ptychodus.api.geometry import ImageExtent, PixelGeometry
from ptychodus.api.io import save_diffraction_data, save_product
from ptychodus.api.object import Object, ObjectCenter
from ptychodus.api.probe import ProbeSequence
from ptychodus.api.probe_positions import ProbePosition, ProbePositionSequence
from ptychodus.api.product import LossValue, Product, ProductMetadata
from ptychodus.plugins.cxi_file import CXIDiffractionFileWriter, CXIProductFileIO
from ptychodus.plugins.h5_diffraction_file import H5DiffractionFileWriter
from ptychodus.plugins.npz_diffraction_file import NPZDiffractionFileIO
from ptychodus.plugins.npz_product_file import NPZProductFileIO

EV = 1.23984198e-6 / letter.WAVELENGTH
NUMBERS = np.arange(30) + 100
ORDER = np.random.default_rng(2).permutation(30)  # of the positions, which are joined by their numbers


def product() -> Product:
    dy, dx = letter.object_pixel()
    places = letter.positions()
    points = [ProbePosition(int(NUMBERS[n]), places[n, 1], places[n, 0]) for n in ORDER]
    return Product(
        ProductMetadata("letter", "", letter.DISTANCE, EV, letter.PHOTONS, 0.1, 0.0, 0.0),
        ProbePositionSequence(points),
        ProbeSequence(letter.probe_wave()[None, None].astype(np.complex64), None, PixelGeometry(dx, dy)),
        Object(letter.object_wave()[None].astype(np.complex64), PixelGeometry(dx, dy), ObjectCenter(0.0, 0.0)),
        [LossValue(0, 1.0)],
    )


def main(folder: Path) -> None:
    counts, bad, pixel = letter.patterns(), letter.bad_pixels(), PixelGeometry(letter.PIXEL, letter.PIXEL)
    save_diffraction_data(
        folder / "ptychodus_diffraction.h5", AssembledDiffractionData(NUMBERS, counts, pixel, bad), compression="gzip"
    )
    save_product(folder / "ptychodus_product.h5", product())
    metadata = DiffractionMetadata(
        [30],
        counts.dtype,
        ImageExtent(letter.FRAME[1], letter.FRAME[0]),
        letter.DISTANCE,
        pixel,
        photon_energy_eV=EV,
    )
    root = DiffractionDatasetLayoutNode.create_root()
    scan = SimpleDiffractionDataset(metadata, root, [SimpleDiffractionArray("letter", NUMBERS, counts)], bad)
    NPZDiffractionFileIO().write(folder / "ptychodus_diffraction.npz", scan)
    NPZProductFileIO().write(folder / "ptychodus_product.npz", product())
    CXIDiffractionFileWriter().write(folder / "ptychodus_diffraction.cxi", scan)
    CXIProductFileIO().write(folder / "ptychodus_product.cxi", product())
    H5DiffractionFileWriter("/dp").write(folder / "fold_slice_roi0_dp.hdf5", scan)


main(Path(sys.argv[1]))
