"""Compiled epochs made for an NVIDIA GPU, without one: they lower, and hold nothing that would be slow there.

What is looked at is the program that JAX hands to XLA for the platform "cuda", with all patterns of a batch at once, as
they are worked on there. The same program is run here, on the CPU, beside the CPU's own.
"""

import inspect
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import export
from jax.extend.mlir import ir

import bragg_problems
import near_problems
import own_models
import problems
import ptychograd as pg
from ptychograd.data.dataset import StoredPatterns, StreamFromFile
from ptychograd.data.geometry import far_field_sampling
from ptychograd.fitting.epoch import Member, Resident, feed_of, misfits, one_epoch, one_epoch_of_all, stack
from ptychograd.fitting.reconstruction import Task, prepared
from ptychograd.fitting.schedule import Plan

BATCH = 7  # patterns; no axis or list of these problems is as long, so a loop from one to the next shows
BOTH = ("object", "probe")
ADAM = pg.adam({"object": 0.01, "probe": 1.0})
GEOMETRY = pg.Geometry(1e-10, 1.0, (55e-6, 66e-6))
TO_THE_HOST = ("custom_call", "infeed", "outfeed", "send", "recv")


@cache
def far():
    """A scan with lengths in metres, on whole pixels."""
    data = problems.measurement()
    sampling = far_field_sampling(GEOMETRY, problems.FRAME)
    return pg.make_dataset(data.patterns, data.positions * sampling, geometry=GEOMETRY, probe=data.truth.probe)


@cache
def wide():
    """The same patterns so far apart that steps go through windows."""
    data = problems.measurement()
    return pg.make_dataset(data.patterns, 8 * data.positions, probe=data.truth.probe)


def flat(shape, *arguments, **items):
    """A dataset whose patterns show nothing, where no number is computed from them."""
    return pg.make_dataset(np.full(shape, 9, np.uint16), *arguments, **items)


def task(data, model=None, solver=pg.Nesterov(), trainable=BOTH, **changes):  # noqa: B008  it is never written to
    model = problems.start_model(data) if model is None else model
    return Task(model, data, solver, 1, BATCH, trainable, pg.Amplitude())._replace(**changes)


def plain(solver=pg.Nesterov(), data=far, modes=1, **changes):  # noqa: B008
    return lambda: task(data(), problems.start_model(data(), modes=modes), solver, **changes)


def changed(change, solver=pg.Nesterov(), trainable=BOTH, modes=1, **changes):  # noqa: B008
    """The far field with something more."""
    return lambda: task(far(), change(problems.start_model(far(), modes=modes)), solver, trainable, **changes)


def with_detector_effects(model):
    model = pg.models.with_point_spread(pg.models.with_background_image(model))
    return pg.models.with_flat_field(model)


def between_the_pixels():
    data = far()
    shift = np.random.default_rng(2).uniform(0, 1e-8, data.positions.shape)
    return task(replace(data, positions=data.positions + shift))


def with_a_mask_of_each_pattern():
    data = problems.measurement()
    patterns = np.array(data.patterns, np.float32)
    patterns[3, 4, 5] = np.nan
    return task(pg.make_dataset(patterns, data.positions, probe=data.truth.probe), solver=ADAM)


def near(solver=pg.Nesterov(), trainable=BOTH):  # noqa: B008
    positions = near_problems.positions() * near_problems.SAMPLING
    items = {"geometry": near_problems.GEOMETRY, "probe": near_problems.probe_wave()}
    data = flat((len(positions), *near_problems.FRAME), positions, **items)
    return task(data, pg.near_field(data), solver, trainable)


def crystal(solver, trainable):
    angles = len(bragg_problems.ROCKING)
    positions = np.repeat(bragg_problems.CORNERS * bragg_problems.VOXEL, angles, axis=0)
    items = {"probe": bragg_problems.probe_wave()[None], "support": bragg_problems.support()}
    data = flat((len(positions), *bragg_problems.FRAME), positions, geometry=bragg_problems.GEOMETRY, **items)
    return task(data, pg.bragg(data), solver, trainable, batch_size=angles * BATCH)


def hologram():
    start, count = own_models.hologram_start(), 2 * BATCH
    start = eqx.tree_at(lambda model: model.kernels, start, jnp.resize(start.kernels, (count, *own_models.SHAPE)))
    return task(flat((count, *own_models.SHAPE)), start, pg.adam(1.0), ("wave",))


def spectrum():
    small, lens, corner = (25, 22), np.ones((25, 22), bool), np.tile([[3, 4]], (2 * BATCH, 1))
    start = own_models.FourierPtychography(
        jnp.ones((60, 54), np.complex64), jnp.ones(small, np.complex64), lens, corner
    )
    return task(
        flat((2 * BATCH, *small)), start, pg.Nesterov(steps={"spectrum": 3.0, "pupil": 0.01}), ("spectrum", "pupil")
    )


def projections():
    start = own_models.Tomography(jnp.ones((16, 16), np.float32), np.linspace(0, 3, 2 * BATCH))
    return task(flat((2 * BATCH, 1, 16)), start, pg.adam(0.5), ("root",))


KINDS = {
    "far field": plain(),
    "in windows": plain(data=wide),
    "one by one": plain(batch_size=1),
    "between the pixels": between_the_pixels,
    "ePIE": plain(pg.PIE()),
    "rPIE, in windows": plain(pg.PIE(0.1), wide),
    "AD-ePIE, in windows": plain(pg.ADePIE(), wide),
    "Adam": plain(ADAM),
    "Poisson": plain(noise=pg.Poisson()),
    "modes": plain(modes=3),
    "slices": changed(lambda model: pg.models.with_slices(model, 3, 1e-5)),
    "varying probe": changed(lambda model: pg.models.with_varying_probe(model, 2), modes=2),
    "positions": changed(
        lambda model: pg.models.with_refinable_positions(model, 3), trainable=(*BOTH, "scan.offset"), noise=pg.Poisson()
    ),
    "detector": changed(with_detector_effects, trainable=(*BOTH, "detector")),
    "oversampling": changed(lambda model: pg.models.with_oversampling(model, 2)),
    "total variation": plain(priors=(pg.priors.TotalVariation(0.1),)),
    "constraints": plain(constraints={"object": pg.constraints.MagnitudeAtMostOne()}),
    "near field": near,
    "Bragg": lambda: crystal(pg.Nesterov(), ("object",)),
    "holography": hologram,
    "Fourier ptychography": spectrum,
    "tomography": projections,
}
MORE = {
    "mask of each pattern": with_a_mask_of_each_pattern,
    "object alone": plain(trainable=("object",)),
    "AD-ePIE": plain(pg.ADePIE()),
    "optax": plain(pg.Optax(optax.sgd(0.1, momentum=0.9))),
    "evaluation": plain(pg.solvers.EvaluateOnly()),
    "Gaussian": plain(noise=pg.Gaussian(2.0, 5000.0)),
    "Poisson and readout, censored": plain(noise=pg.noise.Censored(pg.noise.PoissonGaussian(1.0), 1000.0)),
    "modes, in windows": plain(data=wide, modes=2),
    "object modes": changed(lambda model: pg.models.with_object_modes(model, 2)),
    "slices, Adam": changed(lambda model: pg.models.with_slices(model, 3, 1e-5), ADAM),
    "phase object": changed(lambda model: pg.models.with_magnitude(model, pg.physics.UnitMagnitude())),
    "varying intensity": changed(pg.models.with_varying_intensity),
    "aberrations": changed(
        lambda model: pg.models.with_aberrations(model, 1e-4, {5: 0.5}), trainable=("object", "probe.aberrations")
    ),
    "distortion of the scan": changed(
        lambda model: pg.models.with_refinable_positions(model, 3), pg.adam(0.01), (*BOTH, "scan")
    ),
    "spectrum": changed(lambda model: pg.models.with_bandwidth(model, 0.01, 3)),
    "sparse, Adam": plain(ADAM, priors=(pg.priors.Sparse(0.1),)),
    "near field, ePIE": lambda: near(pg.PIE()),
    "near field, distance": lambda: near(trainable=(*BOTH, "propagator.distance")),
    "Bragg, Adam": lambda: crystal(pg.adam(0.01), BOTH),
}


def member_of(asked: Task) -> tuple[Member, Resident]:
    """What a run begins with, all patterns of a batch worked on together."""
    work, standing = prepared(asked)
    objective = replace(standing.member.objective, at_once=max(1, work.asked.batch_size))
    return standing.member._replace(objective=objective), Resident(asked.data, work.asked)


def program(function, *arguments):
    """A compiled function as a jitted one of its arrays alone, and these arrays."""
    arrays, static = eqx.partition(arguments, eqx.is_array)

    def of_arrays(arrays):
        return eqx.filter(inspect.unwrap(function)(*eqx.combine(arrays, static)), eqx.is_array)

    return jax.jit(of_arrays), arrays


def epoch_of(asked: Task):
    member, feed = member_of(asked)
    return program(one_epoch, member, feed.patterns, feed.plan(0, 0, 1))


def lowered(function, arrays) -> ir.Module:
    return function.trace(arrays).lower(lowering_platforms=("cuda",)).compiler_ir("stablehlo")


def steps_in(module: ir.Module) -> Iterator[tuple[ir.Operation, int]]:
    """All operations of a program, and in how many loops each of them is."""
    functions = {ir.StringAttr(one.attributes["sym_name"]).value: one for one in module.body.operations}

    def inside(operation, depth):
        for region in operation.regions:
            for child in (child for block in region.blocks for child in block.operations):
                yield child.operation, depth
                if child.operation.name == "func.call":
                    yield from inside(functions[ir.FlatSymbolRefAttr(child.attributes["callee"]).value], depth)
                yield from inside(child.operation, depth + (child.operation.name == "stablehlo.while"))

    yield from inside(functions["main"].operation, 0)


def is_constant(value) -> bool:
    """Whether a number is known before the program runs."""
    if not isinstance(value.owner, ir.Operation | ir.OpView):
        return False
    owner = getattr(value.owner, "operation", value.owner)
    return owner.name == "stablehlo.constant" or (owner.name == "stablehlo.case" and is_constant(owner.operands[0]))


def times_of(loop: ir.Operation) -> int | None:
    """How often a loop goes round, if that is known beforehand."""
    (block,) = loop.regions[0].blocks
    kinds = {one.operation.name: one.operation for one in block.operations}
    limit = [one.operation for one in block.operations if one.operation.name == "stablehlo.constant"]
    if set(kinds) != {"stablehlo.constant", "stablehlo.compare", "stablehlo.return"} or len(limit) != 1:
        return None
    (number,) = re.findall(r"dense<(\d+)>", str(limit[0].attributes["value"]))
    return int(number)


def slow_in(module: ir.Module, patterns: int = BATCH) -> list[str]:
    """What would be slow on an accelerator, in words."""
    found = []
    for step, depth in steps_in(module):
        name = step.name.removeprefix("stablehlo.")
        kinds = {str(one.type) for one in (*step.operands, *step.results)}
        if name in TO_THE_HOST:
            found.append(f"goes to the host: {str(step)[:200]}")
        if any("f64" in kind for kind in kinds):
            found.append(f"double precision: {str(step)[:200]}")
        if name == "scatter" and any("complex" in kind for kind in kinds):
            found.append(f"scatter of complex numbers: {kinds}")
        if name == "dot_general" and "DEFAULT" in str(step.attributes["precision_config"]):
            found.append(f"a product of matrices with less than single precision: {str(step)[:200]}")
        if name in ("case", "if") and not is_constant(step.operands[0]):
            found.append("a condition that the host waits for")
        if name == "while" and (times := times_of(step)) is None:
            found.append("a loop whose end the host waits for")
        elif name == "while" and depth and times % patterns == 0:
            found.append(f"a loop from pattern to pattern, {times} times")
    return found


def slow_in_epoch(asked: Task) -> list[str]:
    return slow_in(lowered(*epoch_of(asked)))


@pytest.mark.parametrize("kind", [*KINDS, *(pytest.param(kind, marks=pytest.mark.slow) for kind in MORE)])
def test_epochs_lower_for_cuda_and_hold_nothing_slow(kind):
    assert not slow_in_epoch((KINDS | MORE)[kind]())


@pytest.mark.parametrize("search", [pg.LBFGS(), pytest.param(pg.Optax(optax.lbfgs()), marks=pytest.mark.slow)])
def test_a_line_search_waits_for_its_end_and_for_nothing_else(search):
    found = slow_in_epoch(plain(search, batch_size=far().count)())
    assert "a loop whose end the host waits for" in found
    if isinstance(search, pg.LBFGS):
        assert set(found) == {"a loop whose end the host waits for"}


def test_what_is_slow_is_found():
    def step(total, pattern):
        adds = jnp.zeros((9, 9), np.complex64).at[jnp.arange(9), 0].add(pattern)
        branch = jax.lax.cond(total > 0, jnp.sin, jnp.cos, total)
        until = jax.lax.while_loop(lambda x: x < branch, lambda x: 2 * x, jnp.ones(()))
        each = jax.lax.map(jnp.sum, jnp.ones((2 * BATCH, 9)) * total).sum() + jnp.vdot(adds, adds).real
        return total + (jnp.abs(adds).sum() + until + each).astype(total.dtype), None

    def epoch(patterns):
        return jax.lax.scan(step, jnp.zeros((), np.float32), patterns)[0]

    found = slow_in(lowered(jax.jit(epoch), np.ones((5, 9), np.complex64)))
    expected = (
        "scatter of complex",
        "matrices",
        "condition",
        "whose end",
        f"from pattern to pattern, {2 * BATCH} times",
    )
    assert all(sum(what in line for line in found) == 1 for what in expected), found
    assert len(found) == len(expected)
    with jax.enable_x64(True):
        assert "double precision" in slow_in(lowered(jax.jit(jnp.sin), np.ones(3)))[0]


def test_a_prior_that_does_not_say_how_steep_it_is_makes_the_host_wait():
    """Known: its steps are tried until one is short enough, and how often that is the host has to learn."""

    class Smooth(pg.priors.AbstractPrior):
        path: str = "object.transmission"

        def __call__(self, array, root):
            return 0.1 * jnp.sum(jnp.abs(jnp.diff(array, axis=0)) ** 2)

    found = slow_in_epoch(task(far(), priors=(Smooth(),)))
    assert found == ["a loop whose end the host waits for"]


def test_blocks_out_of_a_file_are_the_same_program(tmp_path):
    pg.write(tmp_path / "scan.h5", problems.measurement())
    keep = StreamFromFile(0, 20 * problems.measurement().patterns[0].nbytes)
    data = pg.read(tmp_path / "scan.h5", keep=keep)
    assert isinstance(data.patterns, StoredPatterns)
    work, standing = prepared(task(data))
    feed = feed_of(data, work.asked)
    patterns, plan = next(feed.epoch(0, 0, 1))
    feed.close()
    member = standing.member._replace(objective=replace(standing.member.objective, at_once=BATCH))
    assert not slow_in(lowered(*program(one_epoch, member, patterns, plan)))


def test_runs_side_by_side():
    """Two of them in one program."""
    member, feed = member_of(task(far()))
    both = Plan(*(np.stack([part, part]) for part in feed.plan(0, 0, 1)))
    assert not slow_in(lowered(*program(one_epoch_of_all, stack([member, member]), feed.patterns, both)))


def test_several_devices():
    """A batch over four of them, which say what they found once a step."""
    work, standing = prepared(task(far(), batch_size=4 * BATCH, devices=tuple(jax.devices())))
    feed, member = Resident(far(), work.asked), standing.member
    member = member._replace(objective=replace(member.objective, at_once=BATCH))
    ((patterns, plan),) = feed.epoch(0, 0, 1)
    module = lowered(*program(one_epoch, member, patterns, plan, work.asked.mesh))
    assert not slow_in(module)
    assert sum(step.name == "stablehlo.all_reduce" for step, _ in steps_in(module)) == 1


def test_what_is_left_of_patterns_and_pixels():
    model = problems.start_model(far())
    numbers, patterns = jnp.arange(BATCH), jnp.asarray(far().patterns[:BATCH])
    mask = jnp.ones(patterns.shape, bool)
    assert not slow_in(lowered(*program(misfits, model, numbers, patterns, mask, pg.Amplitude())))


ALIKE = ("in windows",)
SLOW = (
    "ePIE",
    "far field",
    "rPIE, in windows",
    "AD-ePIE, in windows",
    "Adam",
    "modes, in windows",
    "varying probe",
    "slices",
    "Bragg, Adam",
    "Fourier ptychography",
    "detector",
    "positions",
)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*ALIKE, *(pytest.param(kind, marks=pytest.mark.slow) for kind in SLOW)])
def test_the_program_for_cuda_finds_what_that_of_the_cpu_finds(kind):
    """One epoch of the program that is made for CUDA, run on the CPU: all patterns at once, gathers and scatters."""
    function, arrays = epoch_of((KINDS | MORE)[kind]())
    here = function(arrays)
    anywhere = export.export(function, platforms=("cuda",), disabled_checks=(export.DisabledSafetyCheck.platform(),))
    there = jax.tree.unflatten(jax.tree.structure(here), jax.tree.leaves(anywhere(arrays).call(arrays)))
    assert jax.tree.all(there.finite)
    for one, other in zip(*map(jax.tree.leaves, (here.variables, there.variables)), strict=True):
        scale = max(float(jnp.linalg.norm(one)), 1e-3)
        assert float(jnp.linalg.norm(one - other)) <= 1e-5 * scale
    np.testing.assert_allclose(here.value.loss, there.value.loss, rtol=1e-5)
