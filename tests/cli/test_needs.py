"""Options that need others beside them are never ignored without a word."""

import re

import pytest

import bragg_problems
import near_problems
import problems
import ptychograd as pg
from ptychograd.cli.asked import Effects
from ptychograd.cli.needs import NEEDS, check_simulated
from ptychograd.cli.options import Options
from ptychograd.cli.plan import make_solver
from ptychograd.core.parameters import matches, trainable_names
from ptychograd.physics.paths import REFINABLE

ALONE = {
    "lines": (Effects(lines=3), "--lines needs --bandwidth"),
    "reach": (Effects(reach=4), "--reach needs --refine scan.offset or"),
    "aperture": (Effects(numerical_aperture=0.1), "--numerical-aperture needs --aberration or --refine probe.aberr"),
    "background": (Effects(background_image=True), "--background-image needs --refine detector.background"),
    "readout": (Effects(readout=3.0), "--readout needs --noise poisson-gaussian or --noise gaussian"),
    "slices": (Effects(slices=2), "--slices needs --slice-distance"),
    "distance": (Effects(slice_distance=1e-3), "--slice-distance needs --slices"),
}


@pytest.mark.parametrize("name", ALONE)
def test_an_option_that_would_do_nothing_is_refused_in_one_sentence(name):
    effects, text = ALONE[name]
    with pytest.raises(pg.InputError, match=text):
        make_solver(Options(effects=effects))


def test_epochs_of_what_is_not_refined_are_refused():
    with pytest.raises(pg.InputError, match="--refine-after needs --refine"):
        make_solver(Options(refine_after=0))


@pytest.mark.parametrize(
    "options",
    [
        Options(effects=Effects(lines=3, bandwidth=0.01)),
        Options(effects=Effects(reach=4), refine=["scan.affine"]),
        Options(effects=Effects(reach=4), refine=["scan.drift"], refine_after=1),
        Options(effects=Effects(numerical_aperture=0.1), refine=["probe.aberrations"]),
        Options(effects=Effects(numerical_aperture=0.1, aberration=["5=0.1"])),
        Options(effects=Effects(background_image=True), refine=["detector"]),
        Options(effects=Effects(readout=1.0), noise="gaussian"),
        Options(effects=Effects(slices=2, slice_distance=1e-3), prior=["slices=1"]),
    ],
)
def test_with_what_it_needs_it_goes(options):
    make_solver(options)


def test_a_parent_of_another_parameter_is_not_enough():
    with pytest.raises(pg.InputError, match="--reach needs"):
        make_solver(Options(effects=Effects(reach=4), refine=["detector.background", "probe"]))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--noise", "poisson", "--readout", 3), "--readout needs --noise"),
        (("--lines", 3), "--lines needs --bandwidth"),
        (("--numerical-aperture", 0.1), "--numerical-aperture needs --aberration beside it"),
        (("--reach", 3), "--reach is for positions that `reconstruct` refines"),
        (("--noise", "gaussian"), "--noise gaussian needs --readout"),
        (("--background-image",), "a simulated background is the same everywhere"),
    ],
)
def test_a_simulation_ignores_nothing_either(run, options, text):
    status, _, err = run("simulate", "far-field", "a.h5", *options)
    assert status != 0
    assert text in " ".join(err.split())


def test_a_simulation_has_what_it_needs():
    check_simulated("gaussian", Effects(readout=1.0, lines=3, bandwidth=0.1, jitter=1.0, slices=2, slice_distance=1e-3))


def test_every_need_is_of_an_option_that_there_is():
    known = {name.replace("_", "-") for cls in (Options, Effects) for name in cls.__dataclass_fields__}
    texts = {text.split()[0].removeprefix("--") for need in NEEDS for text in (need.option, *need.others)}
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
        make_solver(Options(refine=[path]))
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
