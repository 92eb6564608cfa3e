"""A scan as py4DSTEM saves it (0.14, in an environment of its own): `python with_py4dstem.py FOLDER`.

Its numbers tell their place: pixel (y, x) of the pattern at (row, column) is 1000 row + 100 column + 10 y + x.
"""

import sys
from pathlib import Path

import numpy as np
import py4DSTEM

SHAPE = (3, 4, 6, 5)


def main(folder: Path) -> None:
    """Write the file."""
    row, column, y, x = np.indices(SHAPE)
    cube = py4DSTEM.DataCube((1000 * row + 100 * column + 10 * y + x).astype(np.uint16))
    cube.calibration.set_R_pixel_size(2.5)
    cube.calibration.set_R_pixel_units("A")
    cube.calibration.set_Q_pixel_size(0.02)
    cube.calibration.set_Q_pixel_units("A^-1")
    py4DSTEM.save(str(folder / "py4dstem.h5"), cube, mode="o")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
