"""Fields of a plan that need others beside them are never ignored without a word."""

import re

import pytest

import bragg_problems
import near_problems
import problems
import ptychograd as pg
from ptychograd.core.parameters import matches, trainable_names
from ptychograd.physics.paths import REFINABLE
from ptychograd.runs.plan.listing import fields
from ptychograd.runs.plan.requirements import NEEDS, check_simulated
from ptychograd.runs.plan.sections.model import ModelSection

ALONE = {
    "model.spectrum.samples": (3, "`model.spectrum.samples` needs `model.spectrum.bandwidth`"),
    "model.positions.reach": (4, "`model.positions.reach` needs `fit.refine` scan.offset or"),
    "model.probe.numerical_aperture": (0.1, "needs `model.probe.aberrations` or `fit.refine` probe.aberr"),
    "model.detector.background_image": (True, "_image` needs `fit.refine` detector.background"),
    "model.detector.readout": (3.0, "readout` needs `fit.noise` poisson-gaussian or `fit.noise` gaussian"),
    "model.object.slices": (2, "`model.object.slices` needs `model.object.slice_distance`"),
    "model.object.slice_distance": ("1 mm", "`model.object.slice_distance` needs `model.object.slices`"),
    "fit.refine_after": (0, "`fit.refine_after` needs `fit.refine`"),
}


@pytest.mark.parametrize("path", ALONE)
def test_a_field_that_would_do_nothing_is_refused_in_one_sentence(path):
    value, text = ALONE[path]
    with pytest.raises(pg.InputError, match=re.escape(text)):
        pg.Plan().with_fields({path: value}).check()


@pytest.mark.parametrize(
    "given",
    [
        {"model.spectrum.samples": 3, "model.spectrum.bandwidth": 0.01},
        {"model.positions.reach": 4, "fit.refine": ["scan.affine"]},
        {"model.positions.reach": 4, "fit.refine": ["scan.drift"], "fit.refine_after": 1},
        {"model.probe.numerical_aperture": 0.1, "fit.refine": ["probe.aberrations"]},
        {"model.probe.numerical_aperture": 0.1, "model.probe.aberrations.5": 0.1},
        {"model.detector.background_image": True, "fit.refine": ["detector"]},
        {"model.detector.readout": 1.0, "fit.noise": "gaussian"},
        {"model.object.slices": 2, "model.object.slice_distance": 1e-3, "fit.priors.slices": 1},
    ],
)
def test_with_what_it_needs_it_goes(given):
    pg.Plan().with_fields(given).check()


def test_a_parent_of_another_parameter_is_not_enough():
    plan = pg.Plan(model={"positions": {"reach": 4}}, fit={"refine": ["detector.background", "probe"]})
    with pytest.raises(pg.InputError, match=r"`model\.positions\.reach` needs"):
        plan.check()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--noise", "poisson", "--set", "model.detector.readout=3"), "`model.detector.readout` needs --noise"),
        (("--set", "model.spectrum.samples=3"), "`model.spectrum.samples` needs `model.spectrum.bandwidth`"),
        (("--set", "model.probe.numerical_aperture=0.1"), "_aperture` needs `model.probe.aberrations` beside it"),
        (("--set", "model.positions.reach=3"), "--set model.positions.reach is of no use here"),
        (("--noise", "gaussian"), "--noise gaussian needs `model.detector.readout`"),
        (("--set", "model.detector.background_image=true"), "a simulated background is the same everywhere"),
    ],
)
def test_a_simulation_ignores_nothing_either(run, options, text):
    status, _, err = run("simulate", "far-field", "a.h5", *options)
    assert status != 0
    assert text in " ".join(err.split())


def test_a_simulation_has_what_it_needs():
    asked = {
        "detector": {"readout": 1.0},
        "spectrum": {"samples": 3, "bandwidth": 0.1},
        "object": {"slices": 2, "slice_distance": 1e-3},
    }
    check_simulated("gaussian", ModelSection(**asked))


def test_every_need_is_of_a_field_that_there_is():
    texts = {text.split()[0] for need in NEEDS for text in (need.field, *need.others)}
    known = {path.partition(".1.")[0] for path in fields()}
    assert texts <= known


def test_a_crystal_refuses_a_prior_in_one_sentence(run):
    pg.write("g.h5", bragg_problems.measurement())
    status, _, err = run("reconstruct", "g.h5", "--prior", "tv=0.1", "--epochs", 1)
    assert status != 0
    assert "A TotalVariation is for images, and this is a volume, as a crystal is; leave the prior out" in " ".join(
        err.split()
    )


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("probe.intensty", r"did you mean probe\.intensity\?"),
        ("detector.saturation", "is unknown"),
        ("scan", "did you mean scan."),
        ("", "is unknown"),
    ],
)
def test_a_name_of_no_parameter_is_refused_with_those_that_there_are(path, text):
    with pytest.raises(pg.InputError, match=f'"{path}" is unknown.*') as found:
        pg.Plan(fit={"refine": [path]}).check()
    assert re.search(text, str(found.value))
    assert "detector.flat_field" in str(found.value)


def test_every_parameter_that_a_command_puts_into_a_model_has_its_name_in_the_list():
    """But those of single lines of a spectrum in a near field, which go by the name of the propagator."""
    data, near = problems.measurement(), pg.near_field(near_problems.measurement())
    detected = pg.models.with_flat_field(
        pg.models.with_point_spread(pg.models.with_background(pg.far_field(data), 0.5))
    )
    models = (
        *(
            pg.models.with_refinable_positions(detected, 4),
            pg.models.with_varying_intensity(pg.models.with_varying_probe(detected, 2)),
        ),
        *(
            pg.models.with_aberrations(near, 1e-3),
            pg.models.with_slices(near, 2, 1e-3),
            pg.models.with_bandwidth(near, 0.01),
        ),
        pg.models.with_refinable_positions(pg.bragg(bragg_problems.measurement()), 4),
    )
    names = {name for model in models for name in trainable_names(model)}
    inner = {name for name in names if name.startswith("propagator.lines.")} | {"scan.shift"}  # positions: scan.offset
    assert names - inner <= set(REFINABLE)
    assert all(any(matches(name, path) for name in names) for path in REFINABLE)


def test_a_constraint_on_a_parameter_that_is_not_there_names_the_field():
    data = problems.measurement()
    plan = pg.Plan(fit={"constraints": {"objct.transmission": "real"}})
    with pytest.raises(pg.InputError, match=r"`fit.constraints.objct.transmission`: Unknown .*; .* object.tran"):
        plan.make_stages(data, plan.make_model(data))
