"""Options of the command line are fields of a plan: one table, their help, and the plan that they make."""

import re
from pathlib import Path

import pytest

import problems
import ptychograd as pg
from ptychograd.cli.app import COMMANDS
from ptychograd.cli.console import output
from ptychograd.cli.option_table import GROUPS, OPTIONS, OWN
from ptychograd.cli.options import (
    ELSEWHERE,
    READ,
    TRIED,
    Options,
    PlanOptions,
    ResumeOptions,
    RunOptions,
    applied,
    plan_of,
    without_effect,
)
from ptychograd.runs.plan.listing import fields, sections
from ptychograd.runs.plan.plan import Plan

BESIDE = ["plan", "set", "preview", "json", "help-all"]  # what is no field


def options_in(text):
    """Option names in a help text, in their order, without those of texts about others."""
    return re.findall(r"^│ (?:\* +)?--([\w-]+)", text, re.MULTILINE)


def names(options):
    return {option.lstrip("-") for option in options}


# The table -------------------------------------------------------------------------------------------------


def test_every_option_is_a_field_of_a_plan_and_no_two_are_one():
    assert {option.path for option in OPTIONS} <= fields().keys()
    assert len({option.path for option in OPTIONS}) == len({option.name for option in OPTIONS}) == len(OPTIONS)
    assert {option.group for option in OPTIONS} == {*GROUPS, OWN}
    assert set(ELSEWHERE) | {*READ, *TRIED} <= {option.name for option in OPTIONS}


TYPED = {
    "--output": ("r.h5", "r.h5"),
    "--checkpoint-every": ("30s", "30s"),
    "--stop-after": ("3", 3),
    "--key": (["positions=/entry/x:um"], {"positions": "/entry/x:um"}),
    "--positions": ("x=a.csv:x,y=a.csv:y", "x=a.csv:x,y=a.csv:y"),
    "--distance": ("3.65 mm", 3.65e-3),
    "--focus-distance": ("inf", float("inf")),
    "--orientation": ("5", 5),
    "--mask": ("7", "7"),
    "--follow": (True, True),
    "--each": (True, True),
    "--start": ("random", "random"),
    "--aperture": ("2 um", 2e-6),
    "--pinhole": ("1e-6", 1e-6),
    "--focal-spot": ("50 nm", 5e-8),
    "--defocus": ("-1mm", -1e-3),
    "--model": ("near-field", "near-field"),
    "--modes": ("3", 3),
    "--solver": ("adam", "adam"),
    "--epochs": ("auto", "auto"),
    "--batch-size": ("32", 32),
    "--noise": ("poisson", "poisson"),
    "--refine": (["scan.offset", '["detector"]'], ("scan.offset", "detector")),
    "--prior": (["tv=0.3", "l1=.1"], {"tv": 0.3, "l1": 0.1}),
    "--seed": ("007", 7),
    "--hold-out": ("0.05", 0.05),
    "--devices": ("all", "all"),
    "--memory": ("4 GB", 4e9),
    "--precision": ("double", "double"),
}


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_an_option_gives_its_field(option):
    typed, value = TYPED[option.name]
    plan = plan_of(Options(**{option.attribute: typed}))
    assert plan.field(option.path) == (pytest.approx(value) if isinstance(value, float) else value)
    assert plan == Plan().with_fields({option.path: plan.field(option.path)})


def test_a_file_then_options_then_set(tmp_path, monkeypatch):
    """What comes later wins; entries of tables are added, lists are replaced."""
    begun = Plan(fit={"epochs": 5, "batch_size": 8, "priors": {"tv": 0.1}, "refine": ["scan.offset"]}, seed=3)
    monkeypatch.chdir(tmp_path)
    begun.save("run.toml")
    options = Options(
        plan="run.toml", epochs="6", seed="4", prior=["l1=1"], refine=["detector"], set=["seed=5", "fit.epochs=7"]
    )
    found = plan_of(options, [Path("a.h5"), Path("b.h5")])
    assert (found.fit.epochs, found.fit.batch_size, found.seed) == (7, 8, 5)
    assert found.fit.priors == {"tv": 0.1, "l1": 1.0}
    assert found.fit.refine == ("detector",)
    assert found.data.paths == ("a.h5", "b.h5")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (Options(epochs="x"), '--epochs: "x" is no whole number; expected a whole number, or "auto".'),
        (Options(modes="3.5"), "--modes: 3.5 is no whole number; expected one, as 3."),
        (Options(distance="3 kg"), '--distance: "3 kg" is no length; expected one of the units m, mm'),
        (Options(prior=["tv"]), '--prior "tv" can\'t be read; expected NAME=VALUE.'),
        (Options(prior=["tv=a"]), '--prior tv: "a" is no number; expected one, as 0.05.'),
        (Options(key=["patterns=a", "patterns=b"]), "--key patterns is given twice; give it once."),
        (Options(noise="possion"), '--noise: "possion" is unknown; expected one of: amplitude, poisson'),
        (Options(precision="half"), "--precision 'half': expected one of: 'single' or 'double'."),
        (Options(set=["fit.epochs=x"]), '--set fit.epochs: "x" is no whole number'),
        (Options(set=["fit.epochs"]), '--set "fit.epochs" can\'t be read; expected FIELD=VALUE, as fit.epochs=100.'),
        (Options(set=["epochs=3"]), "--set epochs is unknown; did you mean `fit.epochs`?"),
        (Options(set=["fit.slover.momentum=3"]), "did you mean `fit.solver.momentum`?"),
        (Options(set=["fit.stages.a.epochs=3"]), "there may be several; name one by its number"),
        (Options(set=["data.follow=maybe"]), "--set data.follow 'maybe': expected true or false."),
    ],
)
def test_a_wrong_value_is_refused_as_it_was_typed(options, text):
    with pytest.raises(pg.InputError) as found:
        plan_of(options)
    assert text in str(found.value)


def test_what_a_person_wrote_into_a_file_keeps_its_name(run):
    """And an option beside it is called as it was typed."""
    Path("run.toml").write_text('[fit]\nnoise = "gaussian"\n')
    told = " ".join(run("reconstruct", "a.h5", "--plan", "run.toml")[2].split())
    assert "`fit.noise` gaussian needs `model.detector.readout`" in told
    told = " ".join(run("reconstruct", "a.h5", "--noise", "gaussian")[2].split())
    assert "--noise gaussian needs `model.detector.readout`" in told


def test_a_run_that_goes_on_may_be_placed_elsewhere_and_is_no_other_run():
    plan = applied(Plan(), ResumeOptions(devices="1", set=["machine.rank=0"]))
    assert (plan.machine.devices, plan.machine.rank) == (1, 0)
    with pytest.raises(pg.InputError, match=r"--set fit.epochs is of no use here; expected a field of machine, outpu"):
        applied(Plan(), ResumeOptions(set=["fit.epochs=3"]))


def test_what_has_no_effect_is_named():
    options = PlanOptions(epochs="3", modes="2", mask="m.npy", set=["fit.noise=poisson", "data.mask.above=3", "seed=1"])
    assert without_effect(options, (*READ, *TRIED)) == ["--epochs", "fit.noise"]
    assert without_effect(RunOptions(), ()) == []


# The help --------------------------------------------------------------------------------------------------


def test_the_help_of_reconstruct_fits_two_screens(run, monkeypatch):
    monkeypatch.setattr(output, "width", 100)
    status, out, _ = run("reconstruct", "--help")
    assert status == 0
    assert len(out.splitlines()) < 90
    headings = re.findall(r"^╭─ ([A-Z][\w ]+?) ─", out, re.MULTILINE)
    assert headings == ["Arguments", "Parameters", *GROUPS]
    assert set(options_in(out)) == names(option.name for option in OPTIONS) | set(BESIDE)


def test_the_help_of_an_option_is_what_its_field_means(run):
    out = " ".join(re.sub("[│╭╮╰╯─]", " ", run("reconstruct", "--help")[1]).split())
    for path in ("model.start.aperture", "fit.refine", "data.each"):
        assert fields()[path].text in out


def test_all_fields_are_told_with_unit_default_and_option(run):
    status, out, _ = run("reconstruct", "--help-all")
    told = " ".join(out.split())
    assert status == 0
    for path, field in fields().items():
        assert " ".join(field.text.split()) in told, path
    assert all(f"\n{section}: " in out for section in sections() if section in ("data.mask", "fit.solver", "machine"))
    assert "From sample to detector. (length in m; --distance)" in told
    assert "(time in s; default 60.0)" in told
    assert "(default true)" in told


def test_the_help_of_inspect_has_what_says_how_a_file_is_read(run):
    out = run("inspect", "--help")[1]
    assert set(options_in(out)) == {"memory-plan", "plan", "set"} | names(READ)


def test_the_help_of_diagnose_has_what_its_trials_take(run):
    out = run("diagnose", "--help")[1]
    own = {"trial", "trial-epochs", "search", "output", "write-mask", "json", "plan", "set"}
    assert set(options_in(out)) == own | names({*READ, *TRIED})


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help(run, command):
    status, out, _ = run(command, "--help")
    assert status == 0
    assert "Usage: ptychograd" in out


@pytest.mark.slow
def test_an_option_without_effect_is_told(run):
    pg.write("scan.h5", problems.measurement())
    status, _, err = run("inspect", "scan.h5", "--epochs", 5, "--set", "model.detector.point_spread=1")
    assert status == 0, err
    assert "--epochs, model.detector.point_spread: without effect here but for --memory-plan" in err


def test_what_is_typed_wins_over_a_key_of_the_plan(tmp_path):
    (tmp_path / "run.toml").write_text("version = 1\n[data]\nkeys = { distance = 2.0, energy_kev = 8.0 }\n")
    plan = plan_of(Options(plan=str(tmp_path / "run.toml"), distance="3 m", set=["geometry.energy=9 keV"]))
    assert plan.data.keys == {}
    assert plan.geometry.distance == 3.0
