"""The letter F out of foreign files, reconstructed: upright, not mirrored, and with a negative phase, as matter has."""

import sys
from pathlib import Path

import numpy as np
import pytest

import ptychograd as pg

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "make"))
import letter  # noqa: E402

FOREIGN = HERE / "foreign"
FILES = {
    "cdtools.cxi": (),
    "ptychodus_diffraction.h5": ("ptychodus_product.h5",),
    "ptylab.hdf5": (),
}
TURNS = {
    f"{'transposed ' * swap}{'rows ' * rows}{'columns' * columns}": (swap, rows, columns)
    for swap in (False, True)
    for rows in (False, True)
    for columns in (False, True)
}


def turned(image, swap, rows, columns):
    image = image.T if swap else image
    return image[:: -1 if rows else 1, :: -1 if columns else 1]


def likeness(image, template):
    """The largest correlation of an image with a smaller one at any place, and that place."""
    template = template - template.mean()
    places = np.lib.stride_tricks.sliding_window_view(image, template.shape)
    places = places - places.mean(axis=(-2, -1), keepdims=True)
    found = (places * template).sum(axis=(-2, -1)) / np.sqrt((places**2).sum(axis=(-2, -1)) + 1e-9)
    return found.max(), *np.unravel_index(found.argmax(), found.shape)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_the_same_upright_letter_comes_out(name):
    data = pg.read(FOREIGN / name, beside=[FOREIGN / other for other in FILES[name]])
    probe = letter.probe_wave(data.frame_shape)[None].astype(np.complex64)
    result = pg.reconstruct(
        pg.far_field(data, probe=probe), data, pg.Nesterov(), epochs=40, trainable=["object.transmission"]
    )
    phase = np.angle(result.object * np.exp(-1j * np.angle(result.object.mean())))
    expected = np.angle(letter.object_wave())[12:40, 18:40]
    found = {way: likeness(phase, turned(expected, *how))[0] for way, how in TURNS.items()}
    assert max(found, key=found.get) == ""
    assert found[""] > 1.15 * sorted(found.values())[-2]
    _, y, x = likeness(phase, expected)
    window = phase[y : y + expected.shape[0], x : x + expected.shape[1]]
    assert window[expected < -0.5].mean() - window[expected > -0.5].mean() == pytest.approx(-1, abs=0.15)
