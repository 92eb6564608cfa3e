"""The verdict in a line, and what it can't see."""

import numpy as np
import pytest

import ptychograd as pg
from ptychograd.output.captions import VERDICTS, figures_line, final_figures, headline
from ptychograd.output.texts.verdicts import REMEDIES, by_options, in_python, line, of_ones_own, verdict_line

NEAR, CRYSTAL = {"focus_distance": float("inf")}, {"rocking": [0.0, 0.1]}


def result(code, geometry=None, arrays=("scan.corner", "probe.modes"), **settings):
    history = pg.fitting.History((3.0, 1.0, 2.0), (0.3, 0.1, 0.2), (9.0, 1.0, 4.0), (0.1, 0.1, 0.1))
    verdict = {} if code is None else {"verdict": {"code": code, "causes": []}}
    settings = {"stopped": "all epochs done", "geometry": geometry, **verdict, **settings}
    return pg.Result({name: np.zeros((2, 2)) for name in arrays}, {}, history, settings)


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        (result("at_noise"), False),
        (result("near_noise", {"distance": 1.0}), False),
        (result("not_solved"), True),
        (result("unknown"), True),
        (result("at_noise", NEAR), True),
        (result("at_noise", CRYSTAL), True),
        (result("at_noise", arrays=("lens", "probe.modes")), True),
        (result("at_noise", arrays=("scan.corner", "lens")), True),
    ],
)
def test_of_a_far_field_that_is_fitted_the_sign_of_both_axes_is_not_seen(given, seen):
    text = verdict_line(given)
    code = given.settings["verdict"]["code"]
    assert text.startswith(line(given.settings["verdict"]))
    assert VERDICTS[code] in text
    assert text.endswith("; whether both axes of the positions are negated no far field can tell") != seen


def test_a_model_of_ones_own_with_a_probe_of_the_package_is_told_no_options():
    """Its plan says whose it is, not the name of an array."""
    cause = {"code": "modes", "found": "rings"}
    known, own = (result("not_solved", plan={"model": {"kind": kind}}) for kind in ("far-field", "my_model:Mine"))
    for one in (known, own):
        one.settings["verdict"]["causes"].append(cause)
    assert by_options("modes") in verdict_line(known)
    assert by_options("modes") not in verdict_line(own)
    assert of_ones_own("modes") in verdict_line(own)
    fitted = result("at_noise", plan={"model": {"kind": {"kind": "my_model:Mine"}}})
    assert verdict_line(fitted) == line(fitted.settings["verdict"])


@pytest.mark.parametrize("code", REMEDIES)
def test_what_to_try_is_said_in_the_terms_of_who_ran_it(code):
    for text in (by_options(code), in_python(code)):
        assert len(text) > 10
        assert "{" not in text
        assert "()" not in text
    assert "--" not in in_python(code)


@pytest.mark.parametrize("code", REMEDIES)
def test_of_a_model_of_ones_own_no_option_of_the_package_is_advised(code):
    text = of_ones_own(code)
    assert "{" not in text
    assert not any(part in text for part in ("`model.", "`data.", "scan.offset", "pg.", "recipe"))
    causes = [{"code": code, "found": "found"}]
    own = result("not_solved", arrays=("wave",))
    own.settings["verdict"]["causes"] = causes
    assert verdict_line(own).endswith(f"found -> {text}")


def test_of_a_model_of_ones_own_what_serves_any_model_is_advised():
    assert of_ones_own("too_few_epochs") == by_options("too_few_epochs")
    assert of_ones_own("object_not_told_from_noise") == by_options("object_not_told_from_noise")
    assert of_ones_own("start_probe") == "another start of the illumination"


def test_without_a_verdict_there_is_no_line():
    assert verdict_line(result(None)) == ""
    assert headline(result(None)) == "reconstruction"


def test_figures_are_those_of_the_state_that_is_kept():
    """The loss rose after the second epoch."""
    assert final_figures(result(None)) == (0.2, 4.0)
    assert final_figures(result(None, loss_rose={"after_epoch": 2})) == (0.1, 1.0)
    assert figures_line(result(None)) == "R = 0.2 after 3 epochs, pixel size not known"
