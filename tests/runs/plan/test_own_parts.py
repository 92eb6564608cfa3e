"""Parts of one's own in a plan: named, imported where a person named the plan, written down, and refused elsewhere."""

import json
import sys

import jax.numpy as jnp
import pytest

import ptychograd as pg
from ptychograd.core.errors import InputError
from ptychograd.physics.noise import AbstractNoise
from ptychograd.runs.plan.importing import Origin, load_part, make_part
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.plan.settings import as_settings, sections_in

MODULE = """
import equinox as eqx
import ptychograd as pg
from plan_helper import FLOOR

class Flat(pg.noise.AbstractNoise):
    scale: float = 1.0
    floor: float = FLOOR

    def nll(self, expected, measured):
        return self.scale * (expected - measured) ** 2

class Table:
    pass

limit = 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a plan, a module beside it, and one that this imports; nothing stays imported."""
    (tmp_path / "plan_parts.py").write_text(MODULE)
    (tmp_path / "plan_helper.py").write_text("FLOOR = 0.25\n")
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("plan_")]:
        del sys.modules[name]


def test_a_part_lies_beside_the_plan_and_the_path_is_as_before(folder):
    path = list(sys.path)
    part = load_part("plan_parts:Flat", "fit.noise", Origin(str(folder)))
    assert issubclass(part, AbstractNoise)
    assert part().floor == 0.25
    assert sys.path == path


def test_what_is_beside_the_plan_takes_the_place_of_no_installed_module(folder):
    """A file called as a package of the world, beside a plan out of a download, is not run for others."""
    (folder / "plan_helper.py").write_text("import tomlkit\nFLOOR = float(len(tomlkit.__version__) > 0)\n")
    (folder / "tomlkit.py").write_text("raise SystemExit('wrong one')\n")
    load_part("plan_parts:Flat", "fit.noise", Origin(str(folder)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plan_nothing:Flat", r"`fit.noise`: the module plan_nothing is neither beside the plan \(.*\) nor installed"),
        ("plan_parts:Flatt", "the module plan_parts has no Flatt; check the name"),
        ("plan_parts:limit", "has no class or function limit"),
        ("plan_broken:Part", "the module plan_broken fails when it is imported: ZeroDivisionError: division by zero"),
        ("plan_wrong:Part", "the module plan_wrong fails when it is imported: SyntaxError"),
        ("plan_lacking:Part", "the module plan_lacking needs plan_absent, which is not there"),
        ("no part", "is no part of your own"),
    ],
)
def test_what_can_not_be_imported_is_said_in_a_sentence(folder, name, text):
    (folder / "plan_broken.py").write_text("1 / 0\n")
    (folder / "plan_wrong.py").write_text("def\n")
    (folder / "plan_lacking.py").write_text("import plan_absent\n")
    with pytest.raises(InputError, match=text) as problem:
        load_part(name, "fit.noise", Origin(str(folder)))
    assert "\n" not in str(problem.value)
    assert name.partition(":")[0] not in sys.modules or name.startswith("plan_parts")


def test_another_module_of_the_same_name_is_not_taken_for_it(folder, tmp_path_factory):
    load_part("plan_parts:Flat", "fit.noise", Origin(str(folder)))
    other = tmp_path_factory.mktemp("other")
    (other / "plan_parts.py").write_text("class Flat: pass\n")
    with pytest.raises(InputError, match=r"another module plan_parts is in use .*rename the one beside the plan"):
        load_part("plan_parts:Flat", "fit.noise", Origin(str(other)))


def test_nothing_is_imported_for_a_result_unless_a_person_says_so(folder):
    plan = Plan(fit={"noise": "plan_parts:Flat"})
    result = Plan.of(json.loads(json.dumps(plan.as_settings())), trusted=False)
    with pytest.raises(InputError, match=r"plan_parts:Flat for fit.noise, .* is not imported.*trusted=True"):
        load_part(result.fit.noise, "fit.noise", result.origin)
    assert "plan_parts" not in sys.modules
    (folder / "run.toml").write_text('fit.noise = "plan_parts:Flat"\n')
    Plan.load(folder / "run.toml").as_settings()
    assert "plan_parts" not in sys.modules  # nor by reading a plan alone


def test_a_part_is_made_with_its_arguments_and_is_of_its_kind(folder):
    origin = Origin(str(folder))
    made = make_part({"kind": "plan_parts:Flat", "arguments": {"scale": 2.0}}, AbstractNoise, "fit.noise", origin)
    assert (made.scale, made.floor) == (2.0, 0.25)
    with pytest.raises(InputError, match=r"`fit.noise` gives an object of Table; expected one of AbstractNoise"):
        make_part("plan_parts:Table", AbstractNoise, "fit.noise", origin)
    with pytest.raises(InputError, match=r"`fit.noise`: Flat can't be made: TypeError: .*unexpected keyword"):
        make_part({"kind": "plan_parts:Flat", "arguments": {"scal": 2.0}}, AbstractNoise, "fit.noise", origin)


def test_objects_that_a_module_names_are_written_with_what_they_were_made_with(folder):
    flat = load_part("plan_parts:Flat", "fit.noise", Origin(str(folder)))
    solver = pg.Nesterov(momentum=0.7, steps={"detector.background": 0.1})
    plan = Plan(fit={"noise": flat(scale=3.0), "solver": {"kind": solver}}, model={"kind": flat})
    plan.save(folder / "run.toml")
    found = Plan.load(folder / "run.toml")
    assert found.fit.noise == {"kind": "plan_parts:Flat", "arguments": {"scale": 3.0}}
    assert found.model.kind == "plan_parts:Flat"
    made = make_part(
        {"kind": found.fit.solver.kind, "arguments": found.fit.solver.arguments},
        pg.solvers.AbstractSolver,
        "fit.solver.kind",
        found.origin,
    )
    assert made == solver


def test_an_object_that_no_module_names_can_not_be_saved_and_says_why(folder):
    class Local(pg.noise.AbstractNoise):
        def nll(self, expected, measured):
            return expected - measured

    plan = Plan(fit={"noise": Local()})
    with pytest.raises(InputError, match=r"^The plan can't be saved: `fit.noise` is .*Local, which no module names;"):
        plan.save(folder / "run.toml")
    assert not (folder / "run.toml").exists()
    values, arrays = as_settings(plan)
    with pytest.raises(InputError, match=r"`fit.noise` was an object of .*Local, which no module names"):
        sections_in(json.loads(json.dumps(values)), arrays)
    again = Plan.of(sections_in(values, arrays, {"fit.noise": plan.fit.noise}))
    assert again.fit.noise is plan.fit.noise


def test_an_object_with_an_array_can_not_be_saved_and_says_why(folder):
    noise = pg.Gaussian(variance=jnp.ones((3, 4)), brightest=5.0)
    with pytest.raises(InputError, match=r"object of Gaussian whose variance is a .*; only numbers"):
        Plan(fit={"noise": noise}).save(folder / "run.toml")
