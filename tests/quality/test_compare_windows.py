"""A result in larger windows than its truth's, or in smaller ones, is compared in the middle that they share."""

import numpy as np
import pytest

import ptychograd as pg
from ptychograd.paper.far_field import FarFieldExperiment
from ptychograd.quality.comparison import compare_with_truth

FEW = {"box": 69, "object_size": 30, "frame": 39}  # odd: the middles of windows tell


@pytest.fixture(scope="module")
def narrow():
    return FarFieldExperiment(**FEW).dataset()


@pytest.fixture(scope="module")
def wide():
    return FarFieldExperiment(**FEW).dataset(change=lambda model: pg.models.with_oversampling(model, 2))


def truth_as_result(data, history):
    """A result that holds the truth of the plain experiment, made by hand with NumPy."""
    arrays = {"object.transmission": data.truth.object, "probe.modes": data.truth.probe}
    corner = np.round(data.positions / data.geometry.sampling(data.frame_shape)).astype(int)
    return pg.Result({**arrays, "scan.corner": corner}, {}, history, {}, None, data.positions)


@pytest.fixture(scope="module")
def history(narrow):
    return pg.reconstruct(pg.far_field(narrow), narrow, pg.Nesterov(), epochs=1).history


@pytest.mark.slow
@pytest.mark.parametrize("larger", ["truth", "result"])
def test_the_same_wave_in_another_window_has_no_error(narrow, wide, history, larger):
    truth, held = (wide, narrow) if larger == "truth" else (narrow, wide)
    figures = compare_with_truth(truth_as_result(held, history), truth)
    assert figures["object_nrmse"] < 1e-4
    assert figures["probe_nrmse"] < 1e-4
    assert figures["object_nrmse_scanned"] < 1e-4


@pytest.mark.slow
def test_a_binned_model_of_plain_data_is_compared(narrow):
    model = pg.models.with_refinable_positions(pg.models.with_oversampling(pg.far_field(narrow), 2), 3)
    result = pg.reconstruct(model, narrow, pg.Nesterov(), epochs=1)
    assert 0 < compare_with_truth(result, narrow)["object_nrmse_scanned"] < 1


@pytest.mark.slow
def test_another_scan_is_still_refused(narrow, history):
    result = truth_as_result(narrow, history)
    other = result._replace(arrays={**result.arrays, "object.transmission": narrow.truth.object[:-2]})
    with pytest.raises(pg.InputError, match="not the same scan"):
        compare_with_truth(other, narrow)
