"""What is of another kind than expected, such as an array in the place of a data set, is told in a sentence.

The tests watch all types; the functions are asked as users have them, without.
"""

import inspect

import numpy as np
import pytest

import problems
import ptychograd as pg

DATA = problems.measurement(truth=None)
MODEL = problems.start_model(DATA)
SPACES = (pg, pg.data, pg.models, pg.quality, pg.runs, pg.automatic, pg.refinement)
ASKED = {
    name: inspect.unwrap(getattr(space, name))
    for space in SPACES
    for name in space.__all__
    if inspect.isfunction(getattr(space, name))
}
ARRAY = np.ones((4, 6, 7))
NO_DATA = {
    "back_propagated": lambda data: ASKED["back_propagated"](data, None),
    "held_out_misfits": lambda data: ASKED["held_out_misfits"](MODEL, data),
    "far_field": ASKED["far_field"],
    "near_field": ASKED["near_field"],
    "bragg": ASKED["bragg"],
    "hold_out": lambda data: ASKED["hold_out"](data, 0.1),
    "halves": ASKED["halves"],
    "subset": lambda data: ASKED["subset"](data, [0]),
    "mask_pixels": lambda data: ASKED["mask_pixels"](data, np.ones((6, 7))),
    "unsaturated_mask": lambda data: ASKED["unsaturated_mask"](data, 3.0),
    "apply_orientation": lambda data: ASKED["apply_orientation"](data, 1),
    "diagnose": ASKED["diagnose"],
    "estimate_background": ASKED["estimate_background"],
    "r_factor": lambda data: ASKED["r_factor"](MODEL, data),
    "residuals": lambda data: ASKED["residuals"](MODEL, data),
}
NO_MODEL = {
    "residuals": lambda model: ASKED["residuals"](model, DATA),
    "simulate": lambda model: ASKED["simulate"](model, 3),
    "with_background": lambda model: ASKED["with_background"](model, 1.0),
    "with_background_image": ASKED["with_background_image"],
    "with_point_spread": ASKED["with_point_spread"],
    "with_flat_field": ASKED["with_flat_field"],
}
BAD_STAGES = {
    "a number as rule": (pg.Stage(2, until=5), "until 5; expected a rule"),
    "a class as rule": (pg.Stage(2, until=pg.fitting.Converged), "expected a rule"),
    "a number": (5, "int is no stage"),
    "no escape": (pg.Stage(2, first=(3,)), "int is no stage action"),
    "no prior": (pg.Stage(2, priors=("tv",)), "str is no prior"),
}


@pytest.mark.parametrize("given", [ARRAY, "scan.h5", pg.Dataset], ids=["array", "text", "class"])
@pytest.mark.parametrize("name", NO_DATA)
def test_what_is_no_data_set_is_refused(name, given):
    with pytest.raises(pg.InputError, match=r"is no data(, but a class)?; expected an object of Dataset"):
        NO_DATA[name](given)


@pytest.mark.parametrize("name", NO_MODEL)
def test_what_is_no_model_is_refused(name):
    with pytest.raises(pg.InputError, match="is no model"):
        NO_MODEL[name](ARRAY)


@pytest.mark.parametrize("case", BAD_STAGES)
def test_what_is_no_stage_is_refused(case):
    stage, text = BAD_STAGES[case]
    with pytest.raises(pg.InputError, match=text):
        ASKED["perform"](pg.Run(MODEL, DATA, pg.Nesterov(), (stage,), 4))


def test_what_is_no_run_or_no_stages_is_refused():
    with pytest.raises(pg.InputError, match="ndarray is no run"):
        ASKED["perform"](ARRAY)
    with pytest.raises(pg.InputError, match="without a stage"):
        ASKED["perform"](pg.Run(MODEL, DATA, pg.Nesterov(), 5, 4))


def test_what_is_no_result_is_refused():
    for name, given in (("assess", (ARRAY, DATA)), ("export", (ARRAY, "object.tiff"))):
        with pytest.raises(pg.InputError, match="ndarray is no result"):
            ASKED[name](*given)


def test_a_text_is_no_probe():
    with pytest.raises(pg.InputError, match="expected complex numbers"):
        pg.make_dataset(ARRAY, np.zeros((4, 2)), probe="probe.npy")


def test_sums_that_were_handed_out_can_not_be_changed():
    data = problems.measurement(truth=None)
    for sums in (data.photons, data.mean_pattern, *data.sums):
        with pytest.raises(ValueError, match="read-only"):
            sums[0] = 0
