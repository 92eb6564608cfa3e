"""Sentences of the library in terms of the command line."""

import pytest

from ptychograd.cli.console import errors
from ptychograd.cli.wording import in_options, plainly_worded, worded, written


@pytest.fixture(autouse=True)
def no_file():
    """There is no plan in a file, whatever ran before."""
    written.forget()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("`fit.epochs` 0: too few.", "--epochs 0: too few."),
        ("`fit.refine_after` needs `fit.refine`.", "`fit.refine_after` needs --refine."),
        ("give `data.keys.probe=PATH`", "give --key probe=PATH"),
        ("`data.keys.distance` and `geometry.distance`", "--key distance and --distance"),
        ("give `fit.noise=poisson` or `fit.priors.tv=0.3`", "give --noise poisson or --prior tv=0.3"),
        ("give `model.detector.saturation=255`", "give --set model.detector.saturation=255"),
        ("with `data.each=true` `seed`", "with --each --seed"),
        ("`fit.stages.2.noise` and `scan.offset`", "`fit.stages.2.noise` and `scan.offset`"),
        ("`ptychograd resume r.h5` goes on; `reconstruct`", "`ptychograd resume r.h5` goes on; `reconstruct`"),
    ],
)
def test_a_field_is_called_as_its_option(text, said):
    assert worded(text) == said


def test_fields_of_a_file_keep_their_names(monkeypatch):
    monkeypatch.setattr(written, "fields", frozenset({"fit.epochs"}))
    assert worded("`fit.epochs` and `fit.noise`") == "`fit.epochs` and --noise"


def test_descriptions_name_options_too():
    assert (
        plainly_worded("of data.mask.image, not of model.detector.readout")
        == "of --mask, not of model.detector.readout"
    )


def test_all_that_is_printed_meanwhile_speaks_of_options(capsys):
    with in_options(errors):
        errors.print("`fit.epochs` is " + "long " * 40 + "`fit.noise`", style="dim", soft_wrap=True)
    errors.print("`fit.epochs`")
    told = capsys.readouterr().err
    assert told.startswith("--epochs is long")
    assert told.splitlines() == ["--epochs is " + "long " * 40 + "--noise", "`fit.epochs`"]
