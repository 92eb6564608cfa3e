"""From options to a `Run`: solver, start model, and the stages one after another."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ptychograd.cli.console import errors
from ptychograd.cli.detector import refines_flat_field, without_bad_pixels
from ptychograd.cli.effects import REFINE_AFTER, assembled, refined
from ptychograd.cli.misfit import check, check_counted, with_noise
from ptychograd.cli.options import Options, numbers, pairs
from ptychograd.cli.places import PLACES_AFTER, refines_positions
from ptychograd.cli.wave import held_unless_asked
from ptychograd.core.errors import InputError

if TYPE_CHECKING:
    from ptychograd.data.dataset import Dataset, StreamFromFile
    from ptychograd.fitting.solvers import AbstractSolver
    from ptychograd.models.starts import ProbeStart
    from ptychograd.physics.model import AbstractModel
    from ptychograd.runs.stage import Run, Stage

HOLD_PROBE = {"rpie": 1, "epie": 1, "ad-epie": 1, "adam": 1, "lbfgs": 1}  # epochs; others need none
EPOCHS = 60  # of a far field; a near field takes from 20 to 1000
CRYSTAL_EPOCHS = 40
BATCHES_SHARE, FEWEST_TO_CHOOSE = 1 / 3, 30  # of the epochs, before a solver is chosen; epochs that are worth a choice
RPIE_ALPHA = 0.1
POISSON_SHARE = 1 / 3  # of the epochs, at the end: far from a solution the Poisson likelihood leads astray
COOLING_SHARE = 0.3  # of the epochs, at the end, for a solver that then takes smaller steps
MOST_EPOCHS, MOST_STEPS = 300, 7500  # of --epochs auto, the longer of the two
STEPS_OF_SPAN = 160  # over which a misfit has to fall
OBJECT, BOTH = ("object",), ("object", "probe")


def read_data(path: Path, options: Options, keep: "StreamFromFile | None" = None) -> "Dataset":
    """The data set, after telling what was guessed about it; `keep` says when its patterns stay in the file."""
    data = read_file(path, options, keep)
    for note in data.notes:
        errors.print(f"{path.name}: {note}", style="dim", soft_wrap=True)
    if data.is_stored:
        errors.print(f"{path.name}: the patterns stay in the file and are read block by block", style="dim")
    opening = options.aperture or options.pinhole or options.focal_spot
    estimated = data.group == 1 and data.positions is not None and (data.probe is None or options.defocus)
    if not opening and estimated:
        errors.print("start probe: estimated from the mean pattern", style="dim")
    return data


def read_file(path: Path, options: Options, keep: "StreamFromFile | None" = None) -> "Dataset":
    """The data set as the options have it, without a word.

    Raises:
        InputError: as `read`; or fewer than half of the pixels are valid, after all that leaves some out.
    """
    from ptychograd.data.dataset import check_share
    from ptychograd.data.files import read
    from ptychograd.data.orientation import apply_orientation

    near_field = None if options.model is None else options.model == "near-field"
    keys, links_into = _keys(options), options.links_into or ()
    of_file = options.mask_is if options.effects.mask is None or "mask" in keys else None
    data = read(path, keys, near_field=near_field, keep=keep, links_into=links_into, mask_is=of_file, allow_masked=True)
    data = without_bad_pixels(apply_orientation(data, options.orientation), options.effects, options.mask_is)
    if not options.allow_masked:
        check_share(data.mask, data.notes, str(path))
    return data


def make_run(options: Options, data: "Dataset") -> "Run":
    """The run that the options ask for."""
    from ptychograd.data.dataset import BraggGeometry, NearFieldGeometry
    from ptychograd.runs.stage import Run
    from ptychograd.runs.stages import with_flat_field_calibration

    solver, batch_size = make_solver(options), options.batch_size
    if batch_size is None:
        batch_size = solver.suited_batch_size(data)
    if options.hold_probe is not None and options.hold_probe < 0:
        raise InputError(f"--hold-probe {options.hold_probe}: expected 0 or more epochs.")
    usual = {NearFieldGeometry: "auto", BraggGeometry: CRYSTAL_EPOCHS}.get(type(data.geometry), EPOCHS)
    options = replace(options, epochs=usual if options.epochs is None else options.epochs)
    steps = -(-data.count // max(1, batch_size))
    if refines_flat_field(options.refine or (), options.effects):
        options = replace(options, noise=options.noise or "poisson")
    of_kind = _crystal_stages if isinstance(data.geometry, BraggGeometry) else _stages
    planned = of_kind(options, steps)
    check_counted(planned, options)
    stages = refined(with_noise(planned, options, data), options.refine or (), _refine_after(options))
    model = assembled(make_model(options, data), data, options.effects, options.refine or (), options.defocus)
    stages = with_flat_field_calibration(tuple(held_unless_asked(stages, model, options.refine or ())), data, model)
    return Run(model, data, solver, stages, batch_size, options.seed)


def _refine_after(options: Options) -> int:
    """Epochs before what is asked for beside object and probe is refined."""
    given = options.refine_after
    if given is None:
        share = PLACES_AFTER if refines_positions(options.refine or ()) else REFINE_AFTER
        return round(share * (options.epochs if isinstance(options.epochs, int) else EPOCHS))
    if given < 0:
        raise InputError(f"--refine-after {given}: expected 0 or more epochs.")
    return given


def _keys(options: Options) -> dict[str, str]:
    """Where the file keeps its items; distances that are options of their own among them."""
    keys = pairs(options.key, "key")
    for name, value in (("focus_distance", options.focus_distance), ("distance", options.distance)):
        if value is None:
            continue
        if math.isnan(value):
            raise InputError(f"--{name.replace('_', '-')} nan: expected a distance in metres.")
        if name in keys:
            raise InputError(f"--{name.replace('_', '-')} and --key {name} are both given; give one of them.")
        keys[name] = str(value)
    if options.model == "far-field" and "focus_distance" in keys:
        raise InputError("A focus distance is for --model near-field; a far field has none.")
    return keys


def make_solver(options: Options) -> "AbstractSolver":
    """The solver that was named."""
    from ptychograd.fitting.solvers import LBFGS, PIE, ADePIE, Nesterov, adam

    check(options)
    steps = numbers(options.step, "step")
    if steps and options.solver != "adam":
        raise InputError(f"--step is for adam; {options.solver or 'nesterov'} finds its own step sizes.")
    if options.solver == "adam":
        if not steps:
            raise InputError("adam needs step sizes, for example --step object=0.01 --step probe=1.0.")
        return adam(steps)
    named = {"lbfgs": LBFGS(), "rpie": PIE(RPIE_ALPHA), "epie": PIE(), "ad-epie": ADePIE()}
    return named.get(options.solver or "", Nesterov())


def make_model(options: Options, data: "Dataset") -> "AbstractModel":
    """The model with which the run starts."""
    import equinox as eqx
    import jax.numpy as jnp
    import numpy as np

    from ptychograd.cli.engine import complex_dtype
    from ptychograd.data.dataset import BraggGeometry, NearFieldGeometry
    from ptychograd.models.recipes import far_field, near_field
    from ptychograd.models.starts import aperture, flat_object, focal_spot, mean_pattern, pinhole, random_object
    from ptychograd.physics.detector import Detector

    sizes = {aperture: options.aperture, pinhole: options.pinhole, focal_spot: options.focal_spot}
    given = [opening(size, options.defocus) for opening, size in sizes.items() if size is not None]
    if len(given) > 1:
        raise InputError("Give one of --aperture, --pinhole and --focal-spot, not several.")
    if not 0 <= options.background < math.inf:
        raise InputError(f"--background {options.background:g}: expected photons a pixel, none or more.")
    if isinstance(data.geometry, BraggGeometry):
        return _crystal(options, data, given[0] if given else None)
    if options.thickness is not None:
        raise InputError("--thickness is for rocking curves of a crystal, and there is no rocking curve.")
    recipe = near_field if isinstance(data.geometry, NearFieldGeometry) else far_field
    if not given and options.defocus:
        if recipe is near_field:
            raise InputError("--defocus is for a start probe from an opening, or estimated in the far field.")
        given = [mean_pattern(options.defocus)]
    start = options.start or ("flat" if data.support is None else "random")
    dtype = complex_dtype(options.precision)
    model = recipe(
        data,
        probe=given[0] if given else None,
        object=flat_object if start == "flat" else random_object(options.seed),
        modes=options.modes,
        dtype=dtype,
    )
    detector = Detector(jnp.asarray(np.asarray(options.background, np.finfo(dtype).dtype)))
    return eqx.tree_at(lambda model: model.detector, model, detector)


def _crystal(options: Options, data: "Dataset", beam: "ProbeStart | None") -> "AbstractModel":
    """The start model for rocking curves."""
    from ptychograd.cli.engine import complex_dtype
    from ptychograd.models.recipes import bragg
    from ptychograd.models.starts import flat_object, random_object

    if options.model is not None:
        raise InputError(f"--model {options.model}: {data.source} holds rocking curves, which are neither.")
    modes = options.modes if data.probe is None or beam is not None else len(data.probe)
    if options.modes > modes and options.hold_probe is None:
        raise InputError(
            "--modes for a crystal needs a beam that is refined (--hold-probe 20); otherwise it keeps its own modes."
        )
    if options.defocus and beam is None:
        raise InputError("--defocus is for a start probe from an opening, or estimated in the far field.")
    return bragg(
        data,
        thickness=options.thickness,
        probe=beam,
        object=random_object(options.seed) if options.start == "random" else flat_object,
        modes=options.modes,
        background=options.background,
        dtype=complex_dtype(options.precision),
    )


def _crystal_stages(options: Options, steps: int) -> tuple["Stage", ...]:
    """The search for the crystal, then the stages of any run in its support; the beam held unless told."""
    from ptychograd.physics.noise import Poisson
    from ptychograd.refinement.stage_actions import ShrinkWrap
    from ptychograd.runs.stage import Stage
    from ptychograd.runs.stages import FEWEST, crystal_search

    held = options.hold_probe
    epochs = options.epochs if isinstance(options.epochs, int) else None
    search = ()
    if options.shrink_wrap and (epochs is None or epochs >= FEWEST):
        search = crystal_search(CRYSTAL_EPOCHS if epochs is None else epochs)
    done = sum(stage.epochs for stage in search)
    rest = replace(options, epochs="auto" if epochs is None else epochs - done, hold_probe=0)
    if not search:
        if options.shrink_wrap and epochs and epochs > 0:
            errors.print(
                f"{epochs} epochs are too few to cut off ghosts and find the place along the beam; give {FEWEST}",
                style="dim",
                soft_wrap=True,
            )
        return tuple(_probe_held(_stages(rest, steps), held)) or (Stage(0, OBJECT),)
    stages = _stages(replace(rest, noise="amplitude"), steps)
    if options.noise != "amplitude":
        stages = tuple(stage._replace(noise=Poisson()) for stage in stages)
    stages = (stages[0]._replace(first=(ShrinkWrap(),)), *stages[1:])
    return tuple(_probe_held((*search, *stages), held))


def _probe_held(stages: tuple["Stage", ...], held: int | None) -> Iterator["Stage"]:
    """The stages, with the probe refined after the first `held` epochs; never if that is None."""
    done = 0
    for stage in stages:
        alone = stage.epochs if held is None else min(stage.epochs, max(0, held - done))
        if alone:
            yield stage._replace(epochs=alone, trainable=OBJECT)
        if alone < stage.epochs:
            yield stage._replace(epochs=stage.epochs - alone, trainable=BOTH, first=() if alone else stage.first)
        done += stage.epochs


def _stages(options: Options, steps: int) -> tuple["Stage", ...]:
    """The probe held first, the Poisson likelihood last, and what is between, which may settle early.

    `steps` of an epoch tell how long it takes to see whether a run has settled, and how long it may go on.
    """
    from ptychograd.fitting.stopping import Converged
    from ptychograd.physics.noise import Amplitude, Poisson
    from ptychograd.runs.solver_choice import QuasiNewtonNearNoise
    from ptychograd.runs.stage import Stage

    auto = not isinstance(options.epochs, int)
    epochs = options.epochs if isinstance(options.epochs, int) else max(MOST_EPOCHS, MOST_STEPS // steps)
    held = min(HOLD_PROBE.get(options.solver or "", 0) if options.hold_probe is None else options.hold_probe, epochs)
    counting = math.ceil(POISSON_SHARE * epochs) if options.noise not in (None, "amplitude") else 0
    counting = min(counting, epochs - held)
    is_cooled = options.solver in (None, "nesterov")
    cooling = math.ceil(COOLING_SHARE * epochs) if auto and not counting and is_cooled else 0
    middle = epochs - held - counting - cooling
    converged = Converged(least_span=STEPS_OF_SPAN // steps)
    chooses = options.solver is None and options.batch_size is None and not auto and epochs >= FEWEST_TO_CHOOSE
    first = min(middle, round(BATCHES_SHARE * epochs)) if chooses else middle
    choice = QuasiNewtonNearNoise() if chooses else None
    stages = (
        Stage(held, OBJECT, Amplitude()),
        Stage(first, BOTH, Amplitude(), converged if auto else None),
        Stage(middle - first, BOTH, Amplitude(), solver=choice),
        Stage(cooling, BOTH, Amplitude()),
        Stage(counting, BOTH, Poisson(), solver=choice),
    )
    return tuple(stage for stage in stages if stage.epochs) or stages[1:2]
