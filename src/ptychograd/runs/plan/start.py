"""From a plan to the model with which its run starts."""

from functools import partial
from typing import TYPE_CHECKING

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ptychograd.core.errors import InputError, check_kind
from ptychograd.core.log import log
from ptychograd.data.dataset import Dataset
from ptychograd.data.files.results import foreign_result
from ptychograd.fitting.result import load
from ptychograd.models.continuing import EarlierResult, continued, continued_foreign
from ptychograd.models.recipes import bragg, thin_recipe
from ptychograd.models.starts import ProbeStart, flat_object, mean_pattern, random_object
from ptychograd.physics.detector import Detector
from ptychograd.physics.model import AbstractModel
from ptychograd.runs.plan.beams import beam_of
from ptychograd.runs.plan.effects.assembling import assembled
from ptychograd.runs.plan.importing import called
from ptychograd.runs.plan.problems import about_field
from ptychograd.runs.plan.sections.model import StartSection

if TYPE_CHECKING:
    from ptychograd.runs.plan.whole import PlanFields


def make_model(plan: "PlanFields", data: Dataset) -> AbstractModel:
    """The start model with all that the plan asks for beside the ideal."""
    if not plan.is_of_package:
        return _own_model(plan, data)
    earlier = plan.model.start.result
    return assembled(
        plain_model(plan, data),
        data,
        plan.model,
        plan.fit.refine,
        (lambda model: model) if earlier is None else partial(_from_earlier, data, earlier),
    )


def _from_earlier(data: Dataset, path: str, model: AbstractModel) -> AbstractModel:
    """The model with object, probe and positions of an earlier result; what was done is logged."""
    with about_field("model.start.result"):
        foreign = foreign_result(path)
        if foreign is not None:
            model, notes = continued_foreign(model, data, foreign)
        else:
            result = load(path)
            model, notes = continued(model, data, EarlierResult(result.roles, result.positions))
    for note in notes:
        log.info("start from %s: %s", path, note)
    return model


def plain_model(plan: "PlanFields", data: Dataset) -> AbstractModel:
    """The start model without what it has beside the ideal."""
    asked, start = plan.model, plan.model.start
    beam = beam_of(start)
    if data.rocking_curve:
        return _crystal(plan, data, beam)
    if asked.kind == "bragg":
        raise InputError(f"`model.kind` bragg: {data.source} holds no rocking curves, as of a crystal.")
    if start.thickness is not None:
        raise InputError("`model.start.thickness` is for rocking curves of a crystal, and there is no rocking curve.")
    recipe = thin_recipe(data)
    if beam is None and start.defocus:
        if data.near_field:
            raise InputError(
                "`model.start.defocus` is for a start probe from an opening, or estimated in the far field."
            )
        beam = mean_pattern(start.defocus)
    name = start.object or ("flat" if data.support is None else "random")
    dtype = complex_dtype(plan)
    with about_field(_probe_field(start)):
        model = recipe(
            data,
            probe=beam,
            object=flat_object if name == "flat" else random_object(plan.seed),
            modes=asked.probe.modes,
            dtype=dtype,
        )
    detector = Detector(jnp.asarray(np.asarray(asked.detector.background, np.finfo(dtype).dtype)))
    return eqx.tree_at(lambda model: model.detector, model, detector)


def complex_dtype(plan: "PlanFields") -> type:
    """complex64, or complex128 where JAX is allowed it."""
    if plan.machine.precision == "single":
        return np.complex64
    if jax.dtypes.canonicalize_dtype(np.complex128) != np.complex128:
        raise InputError(
            '`machine.precision` double needs 64-bit numbers in JAX: call jax.config.update("jax_enable_x64", True) '
            "before anything is computed."
        )
    return np.complex128


def _probe_field(start: StartSection) -> str | None:
    """The field that says how the probe starts, if there is one."""
    name = next(iter(start.beams), "defocus" if start.defocus else None)
    return None if name is None else f"model.start.{name}"


def _crystal(plan: "PlanFields", data: Dataset, beam: ProbeStart | np.ndarray | None) -> AbstractModel:
    """The start model for rocking curves."""
    asked = plan.model
    if asked.kind not in (None, "bragg"):
        raise InputError(f"`model.kind` {asked.kind}: {data.source} holds rocking curves, which are neither.")
    wanted = asked.probe.modes
    modes = wanted if data.probe is None or beam is not None else len(data.probe)
    if wanted > modes and plan.fit.hold_probe is None:
        raise InputError(
            "`model.probe.modes` for a crystal needs a beam that is refined (`fit.hold_probe` 20); otherwise it keeps "
            "its own modes."
        )
    if asked.start.defocus and beam is None:
        raise InputError("`model.start.defocus` is for a start probe from an opening, or estimated in the far field.")
    with about_field(_probe_field(asked.start) or "model.start.thickness"):
        return bragg(
            data,
            thickness=asked.start.thickness,
            probe=beam,
            object=random_object(plan.seed) if asked.start.object == "random" else flat_object,
            modes=wanted,
            background=asked.detector.background,
            dtype=complex_dtype(plan),
        )


def _own_model(plan: "PlanFields", data: Dataset) -> AbstractModel:
    """A model of one's own: an object as it is, or what its maker makes of the data."""
    kind = plan.own_part(plan.model.kind)
    if isinstance(kind, AbstractModel):
        return kind
    model = called(kind, "model.kind", data, **plan.model.arguments)
    check_kind(model, AbstractModel, "model")
    return model  # type: ignore[return-value]
