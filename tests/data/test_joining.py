"""Several files that are one scan."""

import dataclasses
import itertools

import numpy as np
import pytest

import bragg_problems
import problems
import ptychograd as pg
from ptychograd.data import Variable, joined, subset
from ptychograd.data.dataset import StoredPatterns

GEOMETRY = pg.Geometry(1e-10, 1.0, (50e-6, 60e-6))
STREAM = pg.data.StreamFromFile(limit=1, block=4000)


def scan(count=11, seed=0, dtype=np.uint16, frame=(7, 6), **options):
    rng = np.random.default_rng(seed)
    items = {"geometry": GEOMETRY, "source": f"scan_{seed}.h5"} | options
    return pg.make_dataset(rng.poisson(9, (count, *frame)).astype(dtype), rng.uniform(0, 1e-5, (count, 2)), **items)


def pieces(data, *cuts):
    edges = [0, *cuts, data.count]
    return [subset(data, range(low, high)) for low, high in itertools.pairwise(edges)]


def test_the_parts_of_a_scan_are_the_scan():
    data = problems.measurement()
    whole = joined(pieces(data, 3, 20))
    assert whole.fingerprint == data.fingerprint
    np.testing.assert_array_equal(whole.patterns, data.patterns)
    np.testing.assert_array_equal(whole.positions, data.positions)
    assert whole.patterns.dtype == data.patterns.dtype
    assert whole.mask.ndim == 2
    assert not whole.patterns.flags.writeable
    assert "joined: 3 parts of 3 + 17 + 36 patterns" in whole.notes
    assert joined([data]) is data


def test_sources_notes_and_variables_are_kept():
    angles = [Variable(np.linspace(0, k + 1, 5), "deg") for k in range(5)]
    parts = [
        scan(
            5,
            k,
            variables={"angle": angles[k], "place": Variable(np.full((5, 2), k), "mm")},
            notes=("same", f"own {k}"),
        )
        for k in range(5)
    ]
    whole = joined(parts)
    np.testing.assert_array_equal(whole.variable("angle"), np.concatenate([part.variable("angle") for part in parts]))
    assert whole.variable("place").shape == (25, 2)
    assert whole.variables["angle"].unit == "rad"
    assert whole.source == "scan_0.h5, scan_1.h5, scan_2.h5 and 2 more"
    assert whole.notes[:3] == ("same", "scan_0.h5: own 0", "scan_1.h5: own 1")
    assert len({part.fingerprint for part in (whole, joined(parts[::-1]), joined(parts[:4]))}) == 3


def test_patterns_of_several_types_fit_one_that_holds_all():
    parts = scan(4, 0), scan(4, 1, np.uint32), scan(4, 2, np.float32)
    assert joined(parts[:2]).patterns.dtype == np.uint32
    whole = joined(parts)
    assert whole.total == pytest.approx(sum(part.total for part in parts))


def test_parts_with_masks_of_their_own_keep_them():
    valid = np.ones((7, 6), bool)
    valid[2, 3:] = False
    parts = scan(4, 0), scan(3, 1, mask=valid)
    whole = joined(parts)
    assert whole.mask.shape == (7, 7, 6)
    assert whole.mask[:4].all()
    np.testing.assert_array_equal(whole.mask[4:], np.broadcast_to(valid, (3, 7, 6)))
    np.testing.assert_array_equal(whole.photons, np.concatenate([part.photons for part in parts]))
    assert any("different masks" in note for note in whole.notes)
    assert joined((parts[1], scan(3, 2, mask=valid))).mask.ndim == 2


def test_rocking_curves_stay_whole():
    data = bragg_problems.measurement()
    half = data.count // data.group // 2 * data.group
    parts = [dataclasses.replace(part, support=data.support, truth=None) for part in pieces(data, half)]
    whole = joined(parts)
    assert whole.group == data.group
    np.testing.assert_array_equal(whole.patterns, data.patterns)


FAR = (1e-10, 1.0, (50e-6, 60e-6))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"frame": (6, 7)}, r"frames of \(7, 6\) pixels and scan_1.h5 frames of \(6, 7\) pixels"),
        ({"geometry": None}, "has Geometry and scan_1.h5 no geometry"),
        ({"geometry": pg.NearFieldGeometry(*FAR)}, "has Geometry and scan_1.h5 NearFieldGeometry"),
        ({"geometry": pg.Geometry(1.1e-10, *FAR[1:])}, "wavelength 1e-10 and scan_1.h5 wavelength 1.1e-10"),
        ({"geometry": pg.Geometry(*FAR[:2], (5e-5, 5e-5))}, r"size \(5e-05, 6e-05\) and .* \(5e-05, 5e-05\)"),
        ({"geometry": pg.Geometry(1e-10, 1.2, FAR[2])}, r"distance 1.0 and scan_1.h5 distance 1.2"),
        ({"variables": {"angle": Variable(np.arange(11), "deg")}}, "no variables and scan_1.h5 the variables angle"),
        ({"support": np.ones((50, 50), bool)}, r"no support and scan_1.h5 a support of \(50, 50\)"),
    ],
)
def test_parts_of_no_one_scan_are_refused_with_both_numbers(options, text):
    with pytest.raises(pg.InputError, match=text):
        joined([scan(), scan(seed=1, **options)])


def test_parts_with_and_without_positions_are_refused():
    with pytest.raises(pg.InputError, match=r"has positions and scan_1\.h5 no positions"):
        joined([scan(), dataclasses.replace(scan(seed=1), positions=None)])


def test_nothing_is_no_scan():
    with pytest.raises(pg.InputError, match="no data set to be joined"):
        joined([])


def test_lengths_that_a_monochromator_can_not_tell_apart_are_the_same():
    near = pg.Geometry(1e-10 * (1 + 1e-6), 1.0, (50e-6, 60e-6))
    assert joined([scan(), scan(seed=1, geometry=near)]).geometry == GEOMETRY


# In their files -------------------------------------------------------------------------------------------


def stored(tmp_path, parts):
    for k, part in enumerate(parts):
        pg.write(tmp_path / f"part_{k}.h5", part)
    return [pg.read(tmp_path / f"part_{k}.h5", keep=STREAM) for k in range(len(parts))]


def test_patterns_stay_in_their_files(tmp_path):
    parts = [scan(11, 0), scan(5, 1), scan(8, 2)]
    plain, streamed = joined(parts), joined(stored(tmp_path, parts))
    assert isinstance(streamed.patterns, StoredPatterns)
    assert streamed.fingerprint == plain.fingerprint
    assert streamed.largest == plain.largest
    for which in (slice(None), slice(9, 17), np.array([0, 12, 11, 23, 22, 3])):
        found, mask = streamed.frames(which)
        np.testing.assert_array_equal(found, plain.frames(which)[0])
        assert mask.shape == (7, 6)


def test_parts_in_memory_join_those_in_files(tmp_path):
    parts = [scan(11, 0), scan(5, 1)]
    (first,) = stored(tmp_path, parts[:1])
    for mixed, plain in (([first, parts[1]], parts), ([parts[1], first], parts[::-1])):
        assert joined(mixed).is_stored
        assert joined(mixed).fingerprint == joined(plain).fingerprint


def test_in_files_pixels_of_a_part_are_left_out_in_all(tmp_path):
    valid = np.ones((7, 6), bool)
    valid[2, 3:] = False
    parts = [scan(11, 0), scan(5, 1, mask=valid)]
    streamed = joined(stored(tmp_path, parts))
    np.testing.assert_array_equal(streamed.mask, valid)
    expected = pg.data.mask_pixels(joined(parts), valid)
    np.testing.assert_array_equal(streamed.photons, expected.photons)
    np.testing.assert_allclose(streamed.mean_pattern, expected.mean_pattern)
    assert any("left out in all, up to 3" in note for note in streamed.notes)


def test_patterns_held_out_in_a_part_stay_so(tmp_path):
    parts = [scan(11, 0), scan(5, 1)]
    held = [part.only(np.arange(part.count) % 2 == 0) for part in stored(tmp_path, parts)]
    np.testing.assert_array_equal(joined(held).photons > 0, np.concatenate([np.arange(11), np.arange(5)]) % 2 == 0)


@pytest.mark.slow
def test_a_run_of_joined_files_is_that_of_one_file(tmp_path):
    data = problems.measurement()
    whole = joined(stored(tmp_path, pieces(data, 20)))
    (one,) = stored(tmp_path, [data])
    runs = [pg.reconstruct(pg.far_field(d), d, pg.Nesterov(), epochs=2, batch_size=16) for d in (whole, one)]
    np.testing.assert_array_equal(runs[0].object, runs[1].object)


def test_what_can_not_stay_in_files_is_refused_with_the_cure(tmp_path):
    parts = stored(tmp_path, [scan(11, 0), scan(5, 1, np.uint32)])
    with pytest.raises(pg.InputError, match=r"uint16 in .* and uint32 in .*; give more `machine.memory`"):
        joined(parts)
    each = scan(5, 1)
    each = dataclasses.replace(each, mask=np.ones((5, 7, 6), bool))
    with pytest.raises(pg.InputError, match="a mask for each pattern"):
        joined([parts[0], each])
    pg.write(tmp_path / "growing.h5", scan(11, 0))
    growing = pg.read(tmp_path / "growing.h5", keep=STREAM._replace(grows=True))
    with pytest.raises(pg.InputError, match="still being written"):
        joined([growing, parts[0]])
