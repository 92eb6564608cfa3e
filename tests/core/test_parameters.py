"""One name for each parameter, and what is chosen, split and looked up by it."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import (
    Planes,
    by_name,
    join,
    map_with_names,
    matches,
    named_leaves,
    named_parameters,
    partition,
    replace_parameter,
    split,
    trainable_names,
)


class Screen(eqx.Module):
    transmission: Array
    support: Array  # booleans: nothing to refine


class Lamp(eqx.Module):
    modes: Array
    drift: tuple[Array, Array]
    name: str = eqx.field(static=True, default="lamp")


class Setup(eqx.Module):
    object: Screen
    object_tilt: Array  # begins like `object`, but is another parameter
    probe: Lamp
    corner: Array  # whole numbers: nothing to refine


NAMES = ["object.transmission", "object_tilt", "probe.modes", "probe.drift.0", "probe.drift.1"]


@pytest.fixture
def setup():
    rng = np.random.default_rng(0)

    def complex_array(*shape):
        return jnp.asarray(rng.normal(size=shape) + 1j * rng.normal(size=shape), jnp.complex64)

    return Setup(
        Screen(complex_array(5, 8), jnp.ones((5, 8), bool)),
        jnp.array([0.1, 0.2]),
        Lamp(complex_array(2, 3, 4), (jnp.array(1.0), jnp.array(2.0))),
        jnp.array([3, 4]),
    )


def test_every_inexact_array_has_the_name_of_its_path(setup):
    assert trainable_names(setup) == NAMES


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        ("object.transmission", "object.transmission", True),
        ("object.transmission", "object", True),
        ("object_tilt", "object", False),
        ("object", "object.transmission", False),
        ("object.transmission", "transmission", False),
    ],
)
def test_a_path_stands_for_itself_and_for_all_below_it(name, path, expected):
    assert matches(name, path) is expected


# Choosing -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (["object"], ["object.transmission"]),
        (["probe.modes"], ["probe.modes"]),
        (["probe"], ["probe.modes", "probe.drift.0", "probe.drift.1"]),
        (["probe.drift.1", "object_tilt"], ["object_tilt", "probe.drift.1"]),
        (["object", "object.transmission"], ["object.transmission"]),
    ],
)
def test_partition_takes_the_named_parameters_and_combine_gives_the_model_back(setup, chosen, expected):
    parameters, rest = partition(setup, chosen)
    assert list(named_parameters(parameters)) == expected
    assert trainable_names(rest) == [name for name in NAMES if name not in expected]
    assert eqx.tree_equal(eqx.combine(parameters, rest), setup)


@pytest.mark.parametrize("unknown", ["probe.mode", "obj", "object.support", "corner", "", "probe.name"])
def test_an_unknown_name_is_refused_and_the_known_ones_are_listed(setup, unknown):
    with pytest.raises(InputError) as problem:
        partition(setup, ["object", unknown])
    assert f'"{unknown}"' in str(problem.value)
    assert ", ".join(NAMES) in str(problem.value)


def test_refining_nothing_is_refused_and_the_known_names_are_listed(setup):
    with pytest.raises(InputError, match="Nothing to refine.*" + ", ".join(NAMES)):
        partition(setup, [])


def test_names_may_be_any_iterable(setup):
    parameters, _ = partition(setup, iter(["object", "probe.modes"]))
    assert list(named_parameters(parameters)) == ["object.transmission", "probe.modes"]


# Planes ---------------------------------------------------------------------------------------------------


def test_split_makes_two_real_planes_of_complex_leaves_only_and_join_undoes_it(setup):
    parameters, _ = partition(setup, ["object", "object_tilt"])
    planes = split(parameters)
    np.testing.assert_array_equal(planes.object.transmission.real, setup.object.transmission.real)
    np.testing.assert_array_equal(planes.object.transmission.imag, setup.object.transmission.imag)
    assert planes.object_tilt is setup.object_tilt
    assert eqx.tree_equal(join(planes), parameters)
    assert eqx.tree_equal(join(parameters), parameters)


def test_both_planes_share_the_name_of_their_parameter(setup):
    planes = split(partition(setup, ["object", "object_tilt"])[0])
    seen = []
    map_with_names(lambda name, leaf: seen.append((name, leaf.shape)), planes)
    assert seen == [("object.transmission", (5, 8))] * 2 + [("object_tilt", (2,))]


def test_planes_count_as_one_parameter_and_as_two_leaves(setup):
    planes = split(partition(setup, ["object", "object_tilt"])[0])
    parameters = named_parameters(planes)
    assert list(parameters) == ["object.transmission", "object_tilt"]
    assert isinstance(parameters["object.transmission"], Planes)
    leaves = named_leaves(planes)
    assert list(leaves) == ["object.transmission.real", "object.transmission.imag", "object_tilt"]


def test_map_with_names_goes_through_several_trees(setup):
    parameters, _ = partition(setup, ["probe"])
    steps = {"probe.modes": 1.0, "probe.drift.0": 2.0, "probe.drift.1": 3.0}
    moved = map_with_names(lambda name, x, y: x + steps[name] * y, parameters, parameters)
    np.testing.assert_allclose(moved.probe.modes, 2 * setup.probe.modes)
    np.testing.assert_allclose(moved.probe.drift, [3.0, 8.0])


@pytest.mark.parametrize("form", [lambda tree: tree, split], ids=["complex", "planes"])
def test_one_parameter_is_replaced_and_the_others_stay(setup, form):
    parameters = form(partition(setup, ["object", "probe"])[0])
    value = named_parameters(form(Screen(2 * setup.object.transmission, None)))["transmission"]
    after = replace_parameter(parameters, "object.transmission", value)
    np.testing.assert_array_equal(join(after).object.transmission, 2 * setup.object.transmission)
    assert eqx.tree_equal(after.probe, parameters.probe)


# Looking up -----------------------------------------------------------------------------------------------


def test_a_value_is_that_of_the_nearest_parent():
    values = {"probe": 1.0, "probe.modes": 2.0, "object": 3.0, "probe.drift.1": 4.0}
    names = ["object.transmission", "probe.modes", "probe.drift.0", "probe.drift.1"]
    assert by_name(names, values, "step size") == dict(zip(names, [3.0, 2.0, 1.0, 4.0], strict=True))


def test_a_parameter_without_a_value_is_refused_by_name():
    with pytest.raises(InputError, match='No step size is given for "object_tilt"; given are: object, probe'):
        by_name(["object.transmission", "object_tilt"], {"object": 1.0, "probe": 2.0}, "step size")
