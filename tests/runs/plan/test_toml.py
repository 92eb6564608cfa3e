"""A plan's file: what is written is read, in words that a person reads."""

import json
import os
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ptychograd.core.errors import InputError
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.plan.quantities import KINDS, quantity
from ptychograd.runs.plan.settings import as_settings, sections_in
from ptychograd.runs.plan.toml import PlanText, sections_of, written
from ptychograd.runs.plan.walking import is_nullable, value_fields
from ptychograd.runs.plan.wording import UNITS, as_written
from random_plans import plans

ANY_TIME = settings(deadline=None, max_examples=20, suppress_health_check=list(HealthCheck))


@pytest.mark.slow
@ANY_TIME
@given(plans())
def test_any_plan_is_read_as_it_was_written(plan):
    text, arrays = written(plan, "a/b", "arrays.h5")
    found = Plan.of(sections_of(PlanText("a/b/run.toml", text), Plan))
    assert found == plan
    assert not arrays
    assert written(found, "a/b", "arrays.h5")[0] == text


@pytest.mark.slow
@ANY_TIME
@given(plans())
def test_any_plan_goes_through_the_settings_of_a_result(plan):
    values, arrays = as_settings(plan)
    assert Plan.of(sections_in(json.loads(json.dumps(values)), arrays)) == plan


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (3.65e-3, "m", "3.65 mm"),
        (55e-6, "m", "55 µm"),
        (-1e-4, "m", "-100 µm"),
        (1.234567891e-10, "m", "123.4567891 pm"),
        (quantity("8 keV", "J"), "J", "8 keV"),
        (quantity("21.4 mrad", "rad"), "rad", "21.4 mrad"),
        (3e5, "V", "300 kV"),
        (600.0, "s", "10 min"),
        (4e9, "B", "4 GB"),
        (2.0**30, "B", "1 GiB"),
    ],
)
def test_a_quantity_is_written_as_a_person_would(value, unit, text):
    assert as_written(value, unit) == text


@settings(deadline=None)
@given(st.floats(allow_nan=False), st.sampled_from(sorted(UNITS)))
def test_any_quantity_is_read_back_to_the_last_bit(value, unit):
    assert quantity(as_written(value, unit), unit) == value
    assert unit in KINDS


def test_a_number_with_a_unit_is_the_number_that_it_says():
    """As a person types it in metres: 55 * 1e-6 is another double than 55e-6."""
    assert Plan(geometry={"pixel_size": "55 um"}).geometry.pixel_size == 55e-6


def test_names_of_files_are_those_from_the_folder_of_the_plan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("night").mkdir()
    plan = Plan(data={"paths": ["night/scan.h5", "other.h5", "/whole/path.h5"]}, output={"result": "night/r.h5"})
    plan.save("night/run.toml")
    written_there = tomllib.loads(Path("night/run.toml").read_text())
    assert written_there["data"]["paths"] == ["scan.h5", "../other.h5", "/whole/path.h5"]
    assert written_there["output"]["result"] == "r.h5"
    assert Plan.load("night/run.toml") == plan
    monkeypatch.chdir("night")
    assert Plan.load("run.toml").data.paths == ("scan.h5", "../other.h5", "/whole/path.h5")


def test_names_of_files_survive_a_folder_that_is_a_link(tmp_path, monkeypatch):
    (tmp_path / "a/b/c").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a")
    Path("link").symlink_to("b/c")
    for name in ("scan.h5", "b/scan.h5", "../scan.h5"):
        Plan(data={"paths": name}).save("link/run.toml")
        found = Plan.load("link/run.toml").data.paths[0]
        assert os.path.realpath(found) == os.path.realpath(name)


def test_arrays_stand_beside_the_plan_and_are_known_by_their_digest(tmp_path):
    generator = np.random.default_rng(0)
    probe = (generator.normal(size=(2, 5, 7)) + 1j * generator.normal(size=(2, 5, 7))).astype(np.complex64)
    mask = generator.random((5, 7)) > 0.5
    plan = Plan(
        model={"start": {"probe": probe}, "detector": {"point_spread": np.eye(3)}}, data={"mask": {"image": mask}}
    )
    plan.save(tmp_path / "run.toml")
    found = Plan.load(tmp_path / "run.toml")
    assert as_settings(found)[0] == as_settings(plan)[0]
    np.testing.assert_array_equal(found.model.start.probe, probe)
    assert found.model.start.probe.dtype == np.complex64
    np.testing.assert_array_equal(found.data.mask.image, mask)

    Plan(model={"start": {"probe": 2 * probe}}).save(tmp_path / "other.toml")
    (tmp_path / "other_arrays.h5").replace(tmp_path / "run_arrays.h5")
    with pytest.raises(InputError, match=r"run.toml, line \d+: `.*run_arrays.h5.*(there is no|other values)"):
        Plan.load(tmp_path / "run.toml")


def test_a_file_of_arrays_replaces_no_other_file(tmp_path):
    (tmp_path / "run_arrays.h5").write_bytes(b"mine")
    with pytest.raises(InputError, match="would be lost"):
        Plan(model={"start": {"probe": np.ones((3, 4))}}).save(tmp_path / "run.toml")
    assert (tmp_path / "run_arrays.h5").read_bytes() == b"mine"
    assert not (tmp_path / "run.toml").exists()


def test_arrays_go_through_a_result_too():
    plan = Plan(model={"start": {"probe": np.ones((3, 4)) * 1j}})
    values, arrays = as_settings(plan)
    found = Plan.of(sections_in(json.loads(json.dumps(values)), arrays))
    np.testing.assert_array_equal(found.model.start.probe, np.ones((3, 4)) * 1j)
    with pytest.raises(InputError, match="other values"):
        sections_in(values, {name: 2 * array for name, array in arrays.items()})
    with pytest.raises(InputError, match="is not there"):
        sections_in(values, {})


def test_a_name_with_dots_may_be_written_as_tables(tmp_path):
    (tmp_path / "run.toml").write_text(
        '[data.keys]\nvariable.angle.deg = "theta"\n[fit.constraints]\nobject = "real"\n'
    )
    assert Plan.load(tmp_path / "run.toml").data.keys == {"variable.angle.deg": "theta"}


def test_fields_without_a_value_have_none_by_default():
    """TOML has no word for None, so a field that may be None must be so where it is not written."""
    for path, place in value_fields(Plan).items():
        assert not is_nullable(place.field) or place.field.get_default(call_default_factory=True) is None, path


def test_the_schema_says_what_every_field_is():
    schema = Plan.schema()
    for name, section in {**schema["$defs"], "Plan": schema}.items():
        assert section["additionalProperties"] is False
        for field, said in section["properties"].items():
            assert "$ref" in said or len(said["description"]) > 10, (name, field)
    geometry = schema["$defs"]["GeometrySection"]["properties"]
    assert {name: field.get("unit") for name, field in geometry.items()} == {
        **dict.fromkeys(("distance", "focus_distance", "wavelength", "pixel_size"), "m"),
        "energy": "J",
        "voltage": "V",
        "two_theta": "rad",
    }


def test_the_examples_of_the_page_can_be_read(tmp_path):
    page = (Path(__file__).parents[3] / "docs/plan.md").read_text()
    blocks = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        (tmp_path / "run.toml").write_text(block)
        Plan.load(tmp_path / "run.toml").as_settings()


def test_the_page_names_a_field_for_every_earlier_option():
    page = (Path(__file__).parents[3] / "docs/options.md").read_text()
    named = re.findall(r"^\| `--[\w-]+` \| `([\w.]+)` \|", page, re.MULTILINE)
    known = set(value_fields(Plan)) | {"model.spectrum.lines"}
    assert len(named) == 61
    assert set(named) <= known
