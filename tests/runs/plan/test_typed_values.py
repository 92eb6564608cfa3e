"""Values of a plan's fields as a person types them, and changes by the paths of fields."""

import json
import math
import re

import pytest

import ptychograd as pg
from ptychograd.runs.plan.listing import field_at, fields
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.plan.typed import assigned, value_of


@pytest.mark.parametrize(
    ("path", "typed", "value"),
    [
        ("fit.epochs", "100", 100),
        ("fit.epochs", "auto", "auto"),
        ("fit.epochs", "007", 7),
        ("geometry.distance", "3.65 mm", "3.65 mm"),
        ("geometry.distance", ".5", 0.5),
        ("geometry.focus_distance", "inf", math.inf),
        ("data.keys.positions", "/entry/x:um", "/entry/x:um"),
        ("data.keys.distance", "0.5", 0.5),
        ("data.keys.patterns", '"5"', "5"),
        ("fit.refine", '["scan.offset", "detector"]', ["scan.offset", "detector"]),
        ("data.follow", "true", True),
        ("validation.hold_out", "1e-6", 1e-6),
        ("output.result", "007", "007"),
        ("output.result", '"007"', "007"),
        ("output.result", "true", "true"),
        ("output.result", "2020-01-01", "2020-01-01"),
        ("output.result", "a # b", "a # b"),
        ("data.mask.image", "1", "1"),
        ("model.detector.point_spread", "1", 1),
        ("model.detector.point_spread", "spread.npy", "spread.npy"),
        ("model.kind", "mine:Model", "mine:Model"),
        ("model.start", '{aperture = "1 um"}', {"aperture": "1 um"}),
        ("model.arguments.rate", "2.5", 2.5),
        ("fit.epochs", "1\nseed = 3", "1\nseed = 3"),
    ],
)
def test_a_value_is_that_of_toml_or_the_text_itself(path, typed, value):
    found = value_of(path, typed)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fit.epochs=100", {"fit": {"epochs": 100}}),
        ("fit.priors.tv=0.1", {"fit": {"priors": {"tv": 0.1}}}),
        ("data.keys.variable.angle=/x:rad", {"data": {"keys": {"variable.angle": "/x:rad"}}}),
        ("fit.solver.steps.object.transmission=1", {"fit": {"solver": {"steps": {"object.transmission": 1.0}}}}),
        ("fit.stages.1.epochs=5", {"fit": {"stages": [{"epochs": 5}]}}),
        ("fit.stages=[{epochs=3}, {epochs=4}]", {"fit": {"stages": [{"epochs": 3}, {"epochs": 4}]}}),
        ("data.keys.patterns=/a=b", {"data": {"keys": {"patterns": "/a=b"}}}),
    ],
)
def test_any_field_is_assigned_by_its_path(text, said):
    assert assigned(Plan(), [text]).said() == said


def test_stages_are_changed_by_their_numbers_and_the_next_is_new():
    plan = assigned(Plan(), ["fit.stages=[{epochs=3}, {epochs=4}]", "fit.stages.2.noise=poisson"])
    assert plan.said()["fit"]["stages"] == [{"epochs": 3}, {"epochs": 4, "noise": "poisson"}]
    assert len(assigned(plan, ["fit.stages.3.epochs=1"]).fit.stages) == 3
    with pytest.raises(pg.InputError, match="there are 2; expected a number from 1 to 3"):
        assigned(plan, ["fit.stages.4.epochs=1"])


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("fit.epoch", "did you mean `fit.epochs`"),
        ("modes", "did you mean `model.probe.modes`"),
        ("model.start.slices", "did you mean `model.object.slices`"),
        ("fit.stages.1.epoch", "did you mean `fit.stages.1.epochs`"),
        ("fit.epochs.x", "is unknown"),
        ("xyzzy", "a plan has version, seed, data"),
    ],
)
def test_an_unknown_field_is_refused_with_the_nearest(path, text):
    with pytest.raises(pg.InputError, match=text.replace(".", r"\.")):
        Plan().with_fields({path: 1})


def test_a_plan_is_as_it_was():
    plan = Plan(fit={"priors": {"tv": 0.1}, "stages": [{"epochs": 3}]})
    before = plan.said()
    plan.with_fields({"fit.priors.l1": 1.0, "fit.stages.1.epochs": 4, "fit.stages.2.epochs": 4})
    assert plan.said() == before


def _described(schema, sections, before=""):
    """Paths of all values that a JSON schema describes."""
    for name, field in schema["properties"].items():
        text = json.dumps({key: value for key, value in field.items() if key != "description"})
        inner = re.search(r"#/\$defs/(\w+)", text)
        if inner is None:
            yield before + name
        else:
            one = "1." if "items" in field else ""
            yield from _described(sections[inner[1]], sections, f"{before}{name}.{one}")


def test_all_fields_are_listed_with_what_they_mean_and_take():
    assert set(fields()) == set(_described(Plan.schema(), Plan.schema()["$defs"]))
    assert all(field.text and field.types for field in fields().values())
    assert (fields()["geometry.distance"].unit, fields()["machine.memory"].unit) == ("m", "B")
    assert fields()["data.follow"].is_flag
    assert fields()["fit.refine"].holds == "list"
    assert fields()["fit.priors"].holds == "table"
    assert fields()["fit.noise"].choices == ("amplitude", "poisson", "gaussian", "poisson-gaussian")
    assert field_at("fit.stages.3.epochs") == fields()["fit.stages.1.epochs"]
    assert field_at("fit.solver") is None


@pytest.mark.parametrize("text", ["20KB", "20kB", "20 kb", "20000 B"])
def test_sizes_are_read_in_large_and_small_letters(text):
    assert Plan(machine={"memory": text}).machine.memory == 20000
