"""Thirty plans with something wrong: each gets one sentence with file, line and cure."""

import re
from pathlib import Path

import numpy as np
import pytest

import ptychograd as pg
from ptychograd.core.errors import InputError
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.plan.toml import PlanText

FIELDS = [  # the text, the line, and what the sentence has to say
    ("seed = 1\n\n[fit]\nepoch = 3\n", 4, "`fit.epoch` is unknown; did you mean `fit.epochs`?"),
    ("[fitt]\nepochs = 3\n", 1, "`fitt` is unknown; did you mean `fit`?"),
    ("[fit]\nmodes = 3\n", 2, "`fit.modes` is unknown; did you mean `model.probe.modes`?"),
    ("epochs = 3\n", 1, "did you mean `fit.epochs`?"),
    ("[[fit.stages]]\nepochs = 3\n\n[[fit.stages]]\nepohcs = 4\n", 5, "did you mean `fit.stages.2.epochs`?"),
    ('[geometry]\n# far\ndistance = "3 keV"\n', 3, "is no length; expected one of the units m, mm"),
    ('[geometry]\nenergy = "8 mm"\n', 2, "is no energy; expected one of the units eV, keV"),
    ('[geometry]\ndistance = "far"\n', 2, "is no length; expected a number and one of the units"),
    ('[machine]\nmemory = "4 mm"\n', 2, "is no memory; expected one of the units"),
    ('[data]\npatience = "2 GB"\n', 2, "is no time; expected one of the units s"),
    ('[fit]\nepochs = "many"\n', 2, 'expected a whole number, or "auto"'),
    ("[fit]\nepochs = 2.5\n", 2, "2.5 is no whole number"),
    ("[fit]\nbatch_size = true\n", 2, "is no whole number"),
    ("[model.start]\nobject = 'flatt'\n", 2, "expected one of: 'flat' or 'random'"),
    ("[fit]\nnoise = 'possion'\n", 2, "expected one of: amplitude, poisson"),
    ("fit.solver = 'adam'\n", 1, 'expected a section with fields of its own, as fit.solver.kind = "adam"'),
    ("[model]\nstart = 3\n", 2, "as model.start.NAME = VALUE"),
    ("[fit]\nstages = 3\n", 2, "expected a list of sections, as [[fit.stages]]"),
    ("[data]\npaths = 3\n", 2, "is no list of texts"),
    ("[data.keys]\npatterns = [1]\n", 2, "expected a text in quotes, or a number"),
    ("[data]\neach = 'perhaps'\n", 2, "expected true or false"),
    ("[model.spectrum]\nlines = [\n  {energy = '8 keV'},\n  {weight = 2.0},\n]\n", 4, "is missing; give it"),
    ("[output]\ncheckpoint_every = 'soon'\n", 2, "expected epochs, as 10, or time, as 30s"),
    ("[validation]\nhold_out = 0.9\n", 2, "`validation.hold_out` 0.9: expected 0 to 0.5"),
    ("[model.probe]\nmodes = 0\n", 2, "`model.probe.modes` 0: expected 1 or more"),
    ("[data]\norientation = 8\n", 2, "`data.orientation` 8: expected 0 to 7"),
    ("[fit.solver]\nmomentum = 1.0\n", 2, "`fit.solver.momentum` 1: expected a number of 0 or more and below 1"),
    ("[fit]\nepochs = -3\n", 2, "`fit.epochs` -3: expected 0 or more, or auto"),
    ("[[fit.stages]]\n[[fit.stages]]\nbatch_size = 0\n", 3, "`fit.stages.2.batch_size` 0: expected 1 or more"),
    ("[fit.priors]\ntv = 0\n", 2, "`fit.priors.tv` 0: expected a number above zero"),
    ("[geometry]\ndistance = inf\n", 2, "`geometry.distance` inf: expected a number above zero"),
    ('[validation]\nhold_out = "5 %"\n', 2, "is no number; expected one, as 0.05"),
    ('seed = "three"\n', 1, "is no whole number; expected one, as 3"),
    ('[model.start]\npinhole = "0,7 um"\n', 2, 'give its number with a point, as "0.7 um"'),
    ('[machine]\nmemory = "4 miles"\n', 2, "KiB, MiB, GiB"),
    ("version = 0\n", 1, "there is none below 1; leave it out"),
    ("version = 2\n", 1, "use a newer ptychograd"),
]
TEXTS = [
    ("[fit]\nepochs 3\n", 2, "a line is a section in brackets"),
    ("[geometry]\ndistance = 3.65 mm\n", 2, 'quotes, as distance = "3.65 mm"'),
    ("[fit]\nepochs = 3\nepochs = 4\n", 3, "give it once"),
    ("[fit]\nepochs = 3\n[fit]\nseed = 4\n", 3, "give the section once"),
    ("[fit\nepochs = 3\n", 1, "a line is a section in brackets"),
    ("[data]\npaths = ['a.h5'\n\n[fit]\n", 4, 'end the list with "]"'),
    ("[data]\npaths = 'a.h5\n", 2, "end the text with a quote"),
]
PAIRS = [  # which fields do not go together
    ("[fit]\nrefine_after = 3\n", 2, "`fit.refine`"),
    ("[model.object]\nslices = 3\n", 2, "`model.object.slice_distance`"),
    ("[fit]\nepochs = 3\n\n[[fit.stages]]\nepochs = 3\n", 4, "give one of them"),
    ("[fit.solver]\nkind = 'adam'\n", 1, "step sizes"),
    ("[fit.solver]\nkind = 'rpie'\nmomentum = 0.5\n", 3, "is for nesterov"),
    ("[fit]\nrefine = ['scan.ofset']\n", 2, "did you mean scan.offset?"),
    ("[fit.priors]\ntvv = 0.3\n", 1, "expected NAME=WEIGHT with one of: tv"),
    ("[fit]\nnoise = 'poisson-gaussian'\n", 2, "`model.detector.readout`"),
    ("[model]\narguments = { a = 1 }\n", 2, "is for a model of your own; name it"),
]
DATA = [  # what shows with the data alone
    ("[data]\npaths = ['none.h5']\n", 2, "none.h5"),
    ("[data]\npaths = ['scan.h5']\n\n[data.mask]\nimage = 'none.npy'\n", 5, "none.npy"),
    ("[data]\npaths = ['scan.h5']\n\n[data.keys]\npatterns = 'frames'\n", 5, 'there is no array "frames"'),
    ("[data]\nseed = 1\n", 2, "did you mean `seed`?"),
    ("[fit]\nepochs = 3\n", None, "names no file; give one"),
]


def one_sentence(problem: InputError, path: Path, line: int | None, text: str) -> None:
    """The file, the line, what to do, and nothing more."""
    said = str(problem)
    assert "\n" not in said
    where = str(path) if line is None else f"{path}, line {line}"
    assert said.startswith(f"{where}: "), said
    assert text in said
    assert said.endswith((".", "?"))
    assert len(re.findall(r"[.?!] [A-Z]", said)) <= 1, said


@pytest.mark.parametrize(("text", "line", "cure"), FIELDS + TEXTS)
def test_a_plan_that_can_not_be_read_says_the_line_and_the_cure(tmp_path, text, line, cure):
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(InputError) as problem:
        Plan.load(path)
    one_sentence(problem.value, path, line, cure)


@pytest.mark.parametrize(("text", "line", "cure"), PAIRS)
def test_fields_that_do_not_go_together_say_the_line_and_the_cure(tmp_path, text, line, cure):
    path = tmp_path / "run.toml"
    path.write_text(text)
    plan = Plan.load(path)
    with pytest.raises(InputError) as problem:
        plan.check()
    one_sentence(PlanText(path).located(problem.value), path, line, cure)


@pytest.mark.parametrize(("text", "line", "cure"), DATA)
def test_what_is_wrong_with_the_data_says_the_line_and_the_cure(tmp_path, text, line, cure):
    path = tmp_path / "run.toml"
    path.write_text(text)
    pg.write(tmp_path / "scan.h5", pg.make_dataset(np.ones((4, 5, 6), np.uint16), positions=np.eye(4, 2)))
    with pytest.raises(InputError) as problem:
        read_located(path)
    one_sentence(problem.value, path, line, cure)


def read_located(path: Path) -> None:
    plan = Plan.load(path)
    try:
        plan.check()
        plan.read()
    except InputError as problem:
        raise PlanText(path).located(problem) from None


@pytest.mark.parametrize("content", [b"\x89HDF\r\n\x1a\n" + bytes(range(256)), b"a = [" * 9000, b"x = 1" + b"0" * 9000])
def test_what_is_no_plan_is_refused(tmp_path, content):
    path = tmp_path / "run.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"expected a plan in TOML|no TOML|is no whole|unknown"):
        Plan.load(path)
    with pytest.raises(InputError, match=r"none.toml can't be read: No such file"):
        Plan.load(tmp_path / "none.toml")
    with pytest.raises(InputError, match=r"can't be read: Is a directory"):
        Plan.load(tmp_path)


def test_an_older_or_unmarked_plan_is_read(tmp_path):
    (tmp_path / "run.toml").write_text("seed = 3\n")
    assert Plan.load(tmp_path / "run.toml").seed == 3


def test_lines_are_found_in_whatever_way_a_person_writes(tmp_path):
    """Against tomlkit, whose own positions are not told, by marking each value with its line."""
    text = (
        'seed = 1 # [fit]\ndata.keys."variable.angle.deg" = """\n[fit]\nepochs = 3\n"""\ndata = { }\n'.replace(
            "data = { }\n", ""
        )
        + "[ model . start ]\n"
        "object = 'flat' \n"
        "[fit]\n"
        "refine = [\n  'object', # the first\n  'scan.offset',\n]\n"
        "solver = { kind = 'adam', steps = { object = 0.1, 'probe' = 1.0 } }\n"
        "[[fit.stages]]\n"
        "[fit.stages.solver]\nkind = 'rpie'\n"
        "[[fit.stages]]\nepochs = 3\n"
    )
    lines = PlanText("run.toml", text).lines
    shown = text.splitlines()
    for path, marked in {
        "seed": "seed",
        "data.keys.variable.angle.deg": "data.keys",
        "model.start.object": "object",
        "fit.refine.2": "  'scan.offset'",
        "fit.solver.steps.probe": "solver",
        "fit.stages.1.solver.kind": "kind",
        "fit.stages.2.epochs": "epochs",
    }.items():
        assert shown[lines[path] - 1].startswith(marked), path
    assert lines["fit.stages.2.epochs"] == len(shown)
