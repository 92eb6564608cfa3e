"""The help of commands: options under headings, and those alone that have an effect."""

import re

import numpy as np

import problems
from ptychograd.cli.asked import Effects
from ptychograd.cli.headings import READ, TRIED
from ptychograd.cli.needs import without_effect
from ptychograd.cli.options import Options


def options_in(text):
    """Option names in a help text, in their order, without those of texts about others."""
    return re.findall(r"^│ (?:\* +)?--([\w-]+)", text, re.MULTILINE)


def as_options(fields):
    return {name.replace("_", "-") for name in fields}


def test_the_help_of_inspect_has_what_says_how_a_file_is_read(run):
    status, out, _ = run("inspect", "--help")
    assert status == 0
    assert "Reading the data" in out
    assert set(options_in(out)) == {"plan", "devices", "memory"} | as_options(READ)


def test_the_help_of_diagnose_has_what_its_trials_take(run):
    out = run("diagnose", "--help")[1]
    own = {"trial", "trial-epochs", "output", "write-mask", "json"}
    assert set(options_in(out)) == own | as_options(READ) | as_options(TRIED)
    assert len(out.splitlines()) < 100


def test_options_stand_under_headings_beside_those_that_they_refer_to(run):
    out = run("reconstruct", "--help")[1]
    headings = re.findall(r"^╭─ ([A-Z][\w ]+?) ─", out, re.MULTILINE)
    assert headings[2:] == ["Reading the data", "Start", "Object", "Beam", "Positions", "Detector", "Run", "Computer"]
    names = options_in(out)
    for first, second in (("bandwidth", "lines"), ("aberration", "numerical-aperture"), ("slices", "slice-distance")):
        assert names.index(second) == names.index(first) + 1
    assert "jitter" not in names
    assert names.index("refine-after") == names.index("refine") + 1


def test_an_option_without_effect_is_told(run, tmp_path):
    data = problems.measurement()
    np.savez(tmp_path / "scan.npz", patterns=data.patterns[:4], positions=data.positions[:4])
    status, _, err = run("inspect", "scan.npz", "--epochs", 5, "--point-spread", 1, "--mask-above", 1e9)
    assert status == 0, err
    assert "--epochs, --point-spread: without effect here but for --plan" in err


def test_options_without_effect_in_a_trial():
    options = Options(epochs=3, modes=2, refine=["scan.offset"], effects=Effects(mask="m.npy", slices=3))
    assert without_effect(options, (*READ, *TRIED)) == ["--epochs", "--refine", "--slices"]
