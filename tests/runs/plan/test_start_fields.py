"""Start probes as fields of a plan: the same wave as the function of that name, and what goes with what."""

import numpy as np
import pytest

import ptychograd as pg
from ptychograd.core.errors import InputError
from ptychograd.data.geometry import electron_wavelength
from ptychograd.runs.plan.typed import assigned

LENGTHS = {"wavelength": 1e-10, "distance": 2.0, "pixel_size": "50 um"}


@pytest.fixture(scope="module")
def scan():
    y, x = np.mgrid[:24, :20]
    patterns = np.repeat((100.0 * (np.hypot(y - 12, x - 10) < 6))[None], 3, axis=0)
    geometry = pg.Geometry(1e-10, 2.0, (50e-6, 50e-6))
    return pg.make_dataset(patterns, 1e-7 * np.eye(3, 2), geometry=geometry)


ASKED = {
    "two widths and two foci": (
        ['model.start.focal_spot=["1 um", "900 nm"]', "model.start.defocus=1 mm, -2e-3"],
        lambda: pg.models.focal_spot((1e-6, 9e-7), (1e-3, -2e-3)),
    ),
    "a zone plate": (
        [
            "model.start.zone_plate.diameter=150 um",
            "model.start.zone_plate.outermost_width=400 nm",
            "model.start.zone_plate.central_stop=60um",
            "model.start.defocus=2mm",
        ],
        lambda: pg.models.zone_plate(150e-6, 400e-9, 60e-6, 2e-3),
    ),
    "an order-sorting aperture": (
        [
            'model.start.zone_plate={diameter = "150 um", outermost_width = "400 nm"}',
            "model.start.zone_plate.order_sorting_aperture=1 um",
            "model.start.zone_plate.order_sorting_distance=5 mm",
        ],
        lambda: pg.models.zone_plate(150e-6, 400e-9, order_sorting_aperture=1e-6, order_sorting_distance=5e-3),
    ),
    "electrons": (
        [
            "model.start.electron_probe.semi_angle=0.15 mrad",
            "model.start.electron_probe.aberrations.C10=1 mm",
            'model.start.electron_probe.aberrations.C12="0.2 mm"',
            "model.start.electron_probe.aberrations.phi12=30 deg",
        ],
        lambda: pg.models.electron_probe(1.5e-4, {"C10": 1e-3, "C12": 2e-4, "phi12": np.pi / 6}),
    ),
    "the bright disc": (["model.start.electron_probe={}"], pg.models.electron_probe),
    "a pupil with two foci": (["model.start.defocus=[1e-3, 2e-3]"], lambda: pg.models.mean_pattern((1e-3, 2e-3))),
    "a pinhole far away": (
        ["model.start.pinhole=1um", "model.start.defocus=2 cm"],
        lambda: pg.models.pinhole(1e-6, 2e-2),
    ),
}


@pytest.mark.parametrize("name", ASKED)
def test_a_start_probe_is_named_in_a_line_and_stands_in_the_plans_file(name, scan, tmp_path):
    typed, start = ASKED[name]
    plan = assigned(pg.Plan(), typed)
    plan.save(tmp_path / "run.toml")
    again = pg.Plan.load(tmp_path / "run.toml")
    assert again.model.start == plan.model.start
    found = again.make_plain_model(scan).probe.modes
    np.testing.assert_array_equal(found, pg.far_field(scan, probe=start()).probe.modes)


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        (["model.start.zone_plate.diameter=1 mm"], "zone_plate.outermost_width. is missing"),
        (["model.start.focal_spot=1 um", "model.start.electron_probe={}"], "Give one of .*, not several"),
        (["model.start.pinhole=1 um", "model.start.defocus=[1e-3, 2e-3]"], "Two of .model.start.defocus"),
        (["model.start.probe=no.npy"], "start probe can.t be read from no.npy"),
        (["model.start.electron_probe.aberrations={C99 = 1}"], '"C99" is no aberration; expected names as C10'),
        (["model.start.electron_probe.aberrations.C10=3 deg"], '"3 deg" is no length'),
        (["model.start.defocus=[1, 2, 3]"], "expected one length, or two, along y and x, not 3"),
    ],
)
def test_what_does_not_go_together_is_a_sentence(typed, text, scan):
    with pytest.raises(InputError, match=text):
        assigned(pg.Plan(), typed).make_plain_model(scan)


def test_a_start_probe_is_read_from_files(scan, tmp_path):
    rng = np.random.default_rng(0)
    wave = rng.normal(size=(2, 24, 20)) + 1j * rng.normal(size=(2, 24, 20))
    np.save(tmp_path / "wave.npy", wave)
    np.savez(tmp_path / "more.npz", probe=wave, truth_probe=2j * wave)
    expected = pg.far_field(scan, probe=wave).probe.modes
    for name in ("wave.npy", "more.npz", "more.npz:probe"):
        plan = pg.Plan(model={"start": {"probe": str(tmp_path / name)}, "probe": {"modes": 2}})
        np.testing.assert_allclose(plan.make_plain_model(scan).probe.modes, expected, rtol=1e-6)
    with pytest.raises(InputError, match=r'there is no "beam" in it; name one as FILE:PATH of .*truth_probe'):
        pg.Plan(model={"start": {"probe": f"{tmp_path / 'more.npz'}:beam"}}).make_plain_model(scan)


def test_the_wavelength_of_electrons_follows_from_their_voltage(scan, tmp_path):
    """Tabulated: 3.70, 2.51, 1.97 pm at 100, 200, 300 kV (L. Reimer, Transmission Electron Microscopy, Table 2.1)."""
    for kilovolts, picometres in ((100, 3.70), (200, 2.51), (300, 1.97)):
        assert electron_wavelength(1e3 * kilovolts) == pytest.approx(picometres * 1e-12, rel=2e-3)
    np.savez(tmp_path / "scan.npz", patterns=scan.patterns, positions=1e-10 * np.eye(3, 2))
    plan = pg.Plan(data={"paths": tmp_path / "scan.npz"}, geometry={**LENGTHS, "wavelength": None, "voltage": "300 kV"})
    assert plan.read().geometry.wavelength == pytest.approx(1.9687e-12, rel=1e-4)
    with pytest.raises(InputError, match="are both given"):
        pg.Plan(data={"paths": "scan.npz"}, geometry={**LENGTHS, "voltage": "300 kV"}).read()
    with pytest.raises(InputError, match='expected 10 to 1e\\+07 V, as "300 kV"'):
        electron_wavelength(0.3)
