"""Results and their files."""

import h5py
import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.quality.comparison import compare_with_truth

STEPS = {"object": 0.02, "probe": 1.0}


@pytest.fixture(scope="module")
def result(data):
    return pg.reconstruct(problems.start_model(data), data, pg.adam(STEPS), epochs=25, batch_size=4)


def test_file_round_trip_is_exact(result, tmp_path):
    result.save(tmp_path / "r.h5")
    again = pg.load(tmp_path / "r.h5")
    for retained, read in ((result.arrays, again.arrays), (result.state, again.state)):
        assert retained.keys() == read.keys()
        for name in retained:
            assert retained[name].dtype == read[name].dtype
            np.testing.assert_array_equal(retained[name], read[name])
    assert again.history == result.history
    assert again.settings == result.settings
    assert again.stopped == "all epochs done"


def test_a_result_from_a_file_can_be_saved_again(result, tmp_path):
    """Its scalars, like the background, are arrays too."""
    result.save(tmp_path / "r.h5")
    pg.load(tmp_path / "r.h5").save(tmp_path / "again.h5")
    again = pg.load(tmp_path / "again.h5")
    assert again.arrays.keys() == result.arrays.keys()
    assert all(isinstance(array, np.ndarray) for array in (*again.arrays.values(), *again.state.values()))


def test_file_opens_on_a_picture(result, tmp_path):
    """The default path of NeXus leads from the root to the object, with axes beside it."""
    result.save(tmp_path / "r.h5")
    with h5py.File(tmp_path / "r.h5") as file:
        entry = file[file.attrs["default"]]
        picture = entry[entry.attrs["default"]]
        assert (entry.attrs["NX_class"], picture.attrs["NX_class"]) == ("NXentry", "NXdata")
        image = picture[picture.attrs["signal"]]
        assert image.shape == problems.OBJECT
        assert [len(picture[axis]) for axis in picture.attrs["axes"]] == list(problems.OBJECT)
        assert entry["model/probe/modes"].attrs["path"] == "probe.modes"
        assert "jax" in entry["versions"][()].decode()


def test_result_goes_onto_a_model_made_anew(result, data):
    model = result.onto(problems.start_model(data))
    assert np.asarray(model.object.transmission).tobytes() == result.object.tobytes()
    with pytest.raises(pg.InputError, match=r"wants \(2, 20, 18\) for probe.modes.*\(1, 20, 18\)"):
        result.onto(problems.start_model(data, modes=2))


def test_surround_of_an_embedded_object_is_one(data):
    support = np.zeros(problems.OBJECT, bool)
    support[8:40, 10:33] = True
    framed = problems.measurement(support=support)
    result = pg.reconstruct(problems.start_model(framed), framed, pg.PIE(), epochs=2)
    assert (result.object[~support] == 1).all()
    assert (result.object[support] != 1).all()


def test_files_that_are_no_result(tmp_path, result):
    with pytest.raises(pg.InputError, match="there is no such file"):
        pg.load(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("not HDF5")
    with pytest.raises(pg.InputError, match="no readable result"):
        pg.load(tmp_path / "text.h5")
    result.save(tmp_path / "r.h5")
    whole = (tmp_path / "r.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(pg.InputError, match="no readable result"):
        pg.load(tmp_path / "cut.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(pg.InputError, match="no result of ptychograd"):
        pg.load(tmp_path / "other.h5")


def test_saving_where_nothing_can_be_saved(result, tmp_path):
    with pytest.raises(pg.InputError, match="there is no folder"):
        result.save(tmp_path / "nowhere" / "r.h5")


def test_comparison_with_the_truth(result, data):
    """Small errors for the reconstruction, and 0 for the truth itself, scaled and shifted."""
    figures = compare_with_truth(result, data)
    assert figures["probe_nrmse"] < 0.1
    arrays = {
        "object.transmission": data.truth.object * 2j,
        "probe.modes": np.roll(data.truth.probe, 2, axis=-1),
    }
    perfect = pg.Result(arrays, {}, pg.fitting.History.empty(), {})
    assert max(compare_with_truth(perfect, data).values()) < 1e-6
    with pytest.raises(pg.InputError, match="no ground truth"):
        compare_with_truth(result, problems.measurement(truth=None))


@pytest.mark.slow
@pytest.mark.parametrize("photons", [1e3, 1e5])
def test_chi_squared_of_the_truth_is_one(photons):
    """Within what counting leaves to 16 measurements, bright or dark; a quarter a pixel would give 0.12 or 0.19."""
    found = []
    for seed in range(16):
        data = problems.measurement(photons, seed, probe=problems.probe_wave(photons))
        truth = problems.start_model(data, object=lambda shape: problems.object_wave())
        found.append(
            pg.reconstruct(truth, data, pg.solvers.EvaluateOnly(), epochs=1, batch_size=14).history.chi_squared[0]
        )
    assert np.std(found) < 0.05
    assert np.mean(found) == pytest.approx(1, abs=0.02)


def test_chi_squared_of_another_model_is_above_one(data):
    """The start's misfit is the truth's and much more."""
    result = pg.reconstruct(problems.start_model(data), data, pg.solvers.EvaluateOnly(), epochs=1, batch_size=14)
    assert result.history.chi_squared[0] > 10


def test_a_result_of_the_version_before_is_shown_and_not_gone_on_from(tmp_path):
    """Version 1 of the format called the patterns that had photons "lit"; another version's runs end where they did."""
    data = problems.measurement()
    run = pg.Run(problems.start_model(data), data, pg.Nesterov(), (pg.Stage(1),), 14)
    result = pg.perform(run)._replace(illuminated=np.arange(data.count) % 2 > 0)
    result.save(tmp_path / "old.h5")
    with h5py.File(tmp_path / "old.h5", "r+") as file:
        file.attrs["format_version"] = 1
        file.move("entry/illuminated", "entry/lit")
    old = pg.load(tmp_path / "old.h5")
    np.testing.assert_array_equal(old.illuminated, result.illuminated)
    np.testing.assert_array_equal(old.object, result.object)
    with pytest.raises(pg.InputError, match=r"by an earlier version of ptychograd.*reconstruct again"):
        pg.perform(run, resume=old, epochs=2)
    with pytest.raises(pg.InputError, match=r"by an earlier version of ptychograd.*reconstruct again"):
        pg.reconstruct(run.model, data, pg.Nesterov(), epochs=1, batch_size=14, resume=old)
