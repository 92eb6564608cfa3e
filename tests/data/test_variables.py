"""Variables of each pattern, and data without positions: made, cut, looked at, and refused."""

import inspect
import pickle

import numpy as np
import pytest

import ptychograd as pg
from ptychograd.core.errors import InputError
from ptychograd.data.checks import check_possible
from ptychograd.data.checks.always import plainly_wrong
from ptychograd.data.dataset import Dataset
from ptychograd.data.dataset.variables import PARTS
from ptychograd.data.description import describe
from ptychograd.models.diagnosis import observed

COUNTS = np.random.default_rng(3).poisson(40, (6, 5, 8)).astype(np.uint16)
DEGREES = np.array([0.0, 31.0, 59.5, 88.0, 122.0, 149.0])
TILT = np.arange(12.0).reshape(6, 2)
CURVE = pg.BraggGeometry(1.5e-10, 1.0, (75e-6, 75e-6), 0.6, (-1e-3, 0.0, 1e-3))


def turned(**items) -> Dataset:
    variables = {"angle": pg.data.Variable(DEGREES, "deg"), "tilt": pg.data.Variable(TILT, "mrad")}
    return pg.make_dataset(**{"patterns": COUNTS, "variables": variables, **items})


# What a variable is -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "si", "size"),
    [
        *(("m", "m", 1.0), ("nm", "m", 1e-9), ("Å", "m", 1e-10), ("microns", "m", 1e-6)),
        *(("rad", "rad", 1.0), ("degrees", "rad", np.pi / 180), ("mrad", "rad", 1e-3)),
        *(("J", "J", 1.0), ("eV", "J", 1.602176634e-19), ("keV", "J", 1.602176634e-16)),
        *(("s", "s", 1.0), ("milliseconds", "s", 1e-3), ("ns", "s", 1e-9), ("min", "s", 60.0), ("hours", "s", 3600.0)),
        *(("K", "K", 1.0), ("mV", "V", 1e-3), ("T", "T", 1.0), ("GPa", "Pa", 1e9)),
        *(("px", "pixel", 1.0), ("photons", "photons", 1.0), ("1", "1", 1.0)),
    ],
)
def test_values_are_in_the_si(unit, si, size):
    variable = pg.data.Variable(DEGREES, unit)
    assert variable.unit == si
    np.testing.assert_allclose(variable.values, DEGREES * size, rtol=1e-15)
    again = pg.data.Variable(variable.values, variable.unit)
    assert np.array_equal(again.values, variable.values)


def test_values_can_not_be_changed_from_outside():
    values = DEGREES.copy()
    data = turned(variables={"angle": pg.data.Variable(values, "rad")})
    values[0] = 7
    assert data.variable("angle")[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        data.variable("angle")[0] = 1
    with pytest.raises(TypeError):
        data.variables["angle"] = pg.data.Variable(values, "rad")
    assert pg.data.Variable([1, 2], "s").values.dtype == np.float64


@pytest.mark.parametrize(
    ("values", "unit", "text"),
    [
        (DEGREES, "furlong", 'unit "furlong" of a variable is unknown; expected one of m, mm, .*, 1'),
        (DEGREES, "", 'unit "" of a variable is unknown'),
        (np.zeros(0), "rad", r"shape \(0,\); expected \(index,\) or \(index, k\)"),
        (np.zeros((6, 0)), "rad", r"shape \(6, 0\); expected"),
        (np.zeros((6, 2, 2)), "rad", r"shape \(6, 2, 2\); expected"),
        (DEGREES + 1j, "rad", "are complex128; expected real numbers"),
        (np.array(["a"]), "rad", "expected real numbers"),
        (np.where(DEGREES > 100, np.nan, DEGREES), "rad", "2 values of a variable are not finite, .* number 4, nan"),
        (np.ma.masked_less(DEGREES, 10), "rad", "1 values of a variable are not finite, .* number 0"),
    ],
)
def test_what_is_no_variable_is_refused(values, unit, text):
    with pytest.raises(InputError, match=text):
        pg.data.Variable(values, unit)


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({"angle": pg.data.Variable(DEGREES[:5], "deg")}, '6 patterns but 5 values of "angle"; expected one for each'),
        ({"angle": DEGREES}, 'variable "angle" is ndarray; expected a Variable, values with their unit'),
        ({"two words": pg.data.Variable(DEGREES, "deg")}, "'two words' can't name a variable; expected letters"),
        ({"a/b": pg.data.Variable(DEGREES, "deg")}, "'a/b' can't name a variable"),
        ({"lambda": pg.data.Variable(DEGREES, "nm")}, "'lambda' can't name a variable"),
        ({3: pg.data.Variable(DEGREES, "deg")}, "3 can't name a variable"),
        ({"mask": pg.data.Variable(DEGREES, "deg")}, 'can\'t be called "mask", .*; give it another name'),
        ([pg.data.Variable(DEGREES, "deg")], "variables are list; expected them by name"),
    ],
)
@pytest.mark.parametrize("positions", [None, np.zeros((6, 2))])
def test_variables_that_do_not_belong_to_the_patterns_are_refused(variables, text, positions):
    with pytest.raises(InputError, match=text):
        inspect.unwrap(pg.make_dataset)(COUNTS, positions, variables=variables)  # without what tests watch of types


def test_no_part_of_a_dataset_names_a_variable():
    assert set(PARTS) == set(Dataset.__dataclass_fields__)


# Data that have them ----------------------------------------------------------------------------------------


def test_data_need_no_positions():
    data = turned()
    assert data.positions is None
    assert repr(data) == "Dataset(memory: 6 patterns of (5, 8) uint16, no positions, angle in rad, tilt in rad)"
    np.testing.assert_allclose(data.variable("angle"), np.deg2rad(DEGREES), rtol=1e-15)
    assert data.variable("tilt").shape == (6, 2)
    bare = pg.make_dataset(COUNTS)
    assert (bare.positions, len(bare.variables), bare.total) == (None, 0, COUNTS.sum())
    with_both = turned(positions=np.arange(12.0).reshape(6, 2))
    assert repr(with_both).endswith("in pixels, angle in rad, tilt in rad)")
    assert pickle.loads(pickle.dumps(data)).fingerprint == data.fingerprint


def test_a_variable_that_is_not_there_is_told_by_those_that_are():
    with pytest.raises(InputError, match=r'memory has no variable "angel"; it has angle \(rad\), tilt \(rad\)\.$'):
        turned().variable("angel")
    with pytest.raises(InputError, match=r'no variable "angle"; it has none: .*\(`data.keys.variable.angle=PATH`\)\.$'):
        turned(variables=None).variable("angle")


def test_the_fingerprint_knows_variables_in_any_order():
    data = turned()
    backwards = turned(variables=dict(reversed(list(data.variables.items()))))
    others = [turned(variables=None), turned(variables={"angle": data.variables["angle"]})]
    others += [turned(variables={**data.variables, "tilt": pg.data.Variable(TILT, "rad")})]
    assert backwards.fingerprint == data.fingerprint
    assert len({data.fingerprint, *(other.fingerprint for other in others)}) == 4


def test_parts_of_the_data_have_their_part_of_the_variables():
    data = turned()
    part = pg.data.subset(data, [4, 1])
    assert part.positions is None
    assert np.array_equal(part.variable("angle"), data.variable("angle")[[4, 1]])
    assert np.array_equal(part.variable("tilt"), data.variable("tilt")[[4, 1]])
    some = pg.data.subset(data, DEGREES > 80)
    assert np.array_equal(some.variable("angle"), data.variable("angle")[3:])
    for whole in (*pg.hold_out(data, 0.4), *pg.data.halves(data)):  # which mask patterns and keep their numbers
        assert np.array_equal(whole.variable("angle"), data.variable("angle"))
        assert 0 < np.count_nonzero(whole.photons) < 6


def test_rocking_curves_take_one_value_for_each_curve_or_each_pattern():
    data = turned(
        geometry=CURVE, variables={"time": pg.data.Variable([1, 2], "s"), "tilt": pg.data.Variable(TILT, "1")}
    )
    assert data.variable("time").tolist() == [1, 1, 1, 2, 2, 2]
    part = pg.data.subset(data, [3, 4, 5])
    assert part.variable("time").tolist() == [2, 2, 2]
    assert np.array_equal(part.variable("tilt"), TILT[3:])
    with pytest.raises(InputError, match="There are 4 patterns and 3 angles"):
        pg.make_dataset(COUNTS[:4], geometry=CURVE)


def test_masks_and_the_middle_of_the_scan_keep_variables():
    from ptychograd.automatic.orientation.trials import middle_of_scan

    places = np.array([[0, 0], [9, 9], [0, 1], [1, 1], [8, 9], [1, 0]], float)
    data = pg.data.mask_pixels(turned(positions=places), np.arange(40).reshape(5, 8) % 8 < 6)
    part = middle_of_scan(data, 4)
    assert np.array_equal(part.variable("angle"), data.variable("angle")[[0, 2, 3, 5]])
    turned_over = pg.data.apply_orientation(data, 4)
    assert np.array_equal(turned_over.variable("angle"), data.variable("angle"))


# What is said of them ---------------------------------------------------------------------------------------


def test_the_description_shows_them():
    facts = dict(describe(turned()))
    assert (facts["positions"], facts["geometry"]) == ("none", "unknown")
    assert facts["angle of each"] == "from 0 to 2.60054 rad"
    assert facts["tilt of each"] == "from 0 to 0.011 rad, 2 numbers for each pattern"
    assert "missing" not in facts
    assert "overlap" not in facts
    far = dict(describe(turned(geometry=pg.Geometry(1e-10, 2.0, (5e-5, 5e-5)))))
    assert far["object pixel"] == "800 nm x 500 nm (y, x), of the far field"


@pytest.mark.parametrize("geometry", [None, pg.Geometry(1e-10, 2.0, (5e-5, 5e-5)), CURVE])
def test_checks_leave_out_what_needs_positions(geometry):
    data = turned(geometry=geometry)
    names = {finding.name for finding in pg.diagnose(data)}
    assert {"photon scale", "dark patterns", "mask", "saturation", "dead and hot pixels"} <= names
    assert not names & {"units", "overlap", "raster", "outliers", "duplicates", "probe fill"}
    assert ("centre" in names) == (type(geometry) is pg.Geometry)
    check_possible(data)
    assert list(plainly_wrong(data)) == []


def test_the_page_of_a_diagnosis_is_drawn():
    data = turned()
    titles = [axis.get_title() for axis in pg.plot.diagnosis(observed(data), pg.diagnose(data)).axes]
    assert "no positions" in titles
    assert any("photons of each pattern" in title for title in titles)


@pytest.mark.parametrize(
    "call",
    [
        pg.far_field,
        lambda data: pg.near_field(turned(geometry=pg.NearFieldGeometry(1e-10, 0.1, (1e-6, 1e-6)))),
        lambda data: pg.bragg(turned(geometry=CURVE, probe=np.ones((5, 8), complex)), thickness=2e-6),
        lambda data: pg.data.apply_orientation(data, 3),
        pg.automatic.try_orientations,
    ],
    ids=["far_field", "near_field", "bragg", "apply_orientation", "try_orientations"],
)
def test_whatever_needs_positions_says_so(call):
    text = r"^memory has no positions, .*: expected \(6, 2\), a place \(y, x\) for each pattern; .*PATH`?\)\.$"
    with pytest.raises(InputError, match=text):
        call(turned())
