"""Options for what probe, object and spectrum do beside the ideal, put into a model."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ptychograd.cli.asked import Effects
from ptychograd.cli.texts import numbers, signed_numbers
from ptychograd.core.errors import InputError
from ptychograd.physics import paths

if TYPE_CHECKING:
    from ptychograd.physics.model import AbstractModel
    from ptychograd.runs.stage import Stage

COMMON_ABERRATIONS: tuple[int, ...] = (5, 6, 7, 8, 11)  # of --refine probe.aberrations: astigmatism, coma, spherical


def with_wave(
    model: "AbstractModel", effects: Effects, refine: Sequence[str] = (), defocus: float = 0.0
) -> "AbstractModel":
    """The start model with all that is asked for, and with the parameters to `refine`."""
    from ptychograd.models import effects as _effects

    model = _with_object(model, effects, refine)
    lens = effects.aberration or effects.numerical_aperture is not None or any(path in paths.LENS for path in refine)
    if lens:
        terms = _aberrations(effects)
        if not terms and paths.ABERRATIONS in refine:
            terms = {noll: 0.0 for noll in COMMON_ABERRATIONS}
        model = _effects.with_aberrations(model, defocus, terms, _pupil(model, effects))
    variations = effects.probe_variations or int(any(path in (paths.WEIGHTS, paths.VARIATIONS) for path in refine))
    if variations:
        model = _effects.with_varying_probe(model, variations)
    if effects.varying_intensity or paths.INTENSITY in refine:
        model = _effects.with_varying_intensity(model)
    return _with_spectrum(model, effects, refine)


def with_true_wave(model: "AbstractModel", effects: Effects, seed: int) -> "AbstractModel":
    """The true model of a simulation with all that is asked for: slices that differ, variations by chance."""
    from ptychograd.models import effects as _effects
    from ptychograd.models.effects import truths

    if effects.slices != 1 or effects.slice_distance is not None:
        model = truths.truly_sliced(model, effects.slices, _slice_distance(effects))
    if effects.object_modes != 1:
        model = truths.truly_mixed(model, effects.object_modes)
    model = _with_magnitude(model, effects)
    if effects.aberration:
        model = _effects.with_aberrations(model, 0.0, _aberrations(effects), _pupil(model, effects))
    if effects.probe_variations:
        model = truths.truly_varying(model, effects.probe_variations, seed)
    if effects.varying_intensity:
        model = truths.truly_unsteady(model, seed)
    return _with_spectrum(model, effects, ())


def held_unless_asked(stages: Iterable["Stage"], model: "AbstractModel", refine: Sequence[str]) -> Iterator["Stage"]:
    """The stages, in which "object" and "probe" do not stand for what has to be asked for by its own name.

    Where defocus or aberrations are asked for, the modes are what they come from, and stay as they are.
    """
    from ptychograd.core.parameters import matches, trainable_names

    leaves = trainable_names(model)
    special = {path for path in paths.IF_ASKED if path in leaves} | {path for path in refine if path in leaves}
    if any(path in paths.LENS for path in refine):
        special |= {paths.MODES}
    for stage in stages:
        if not any(matches(path, parent) and path != parent for path in special for parent in stage.named):
            yield stage
            continue
        names = [
            leaf
            for leaf in leaves
            if leaf in stage.named or (leaf not in special and any(matches(leaf, parent) for parent in stage.named))
        ]
        yield stage._replace(trainable=tuple(names))


def _with_object(model: "AbstractModel", effects: Effects, refine: Sequence[str]) -> "AbstractModel":
    from ptychograd.models import effects as _effects

    if effects.slices != 1 or effects.slice_distance is not None or paths.DISTANCE in refine:
        model = _effects.with_slices(model, effects.slices, _slice_distance(effects))
    if effects.object_modes != 1:
        model = _effects.with_object_modes(model, effects.object_modes)
    return _with_magnitude(model, effects)


def _with_magnitude(model: "AbstractModel", effects: Effects) -> "AbstractModel":
    from ptychograd.models import effects as _effects
    from ptychograd.physics.objects import BoundedMagnitude, UnitMagnitude

    if effects.phase_only and effects.magnitude_at_most is not None:
        raise InputError("--phase-only and --magnitude-at-most are both given; give one of them.")
    if effects.phase_only:
        return _effects.with_magnitude(model, UnitMagnitude())
    if effects.magnitude_at_most is not None:
        return _effects.with_magnitude(model, BoundedMagnitude(effects.magnitude_at_most))
    return model


def _with_spectrum(model: "AbstractModel", effects: Effects, refine: Sequence[str]) -> "AbstractModel":
    from ptychograd.data.geometry import wavelength_from_kev
    from ptychograd.models import effects as _effects

    if effects.spectrum and effects.bandwidth is not None:
        raise InputError("--spectrum and --bandwidth are both given; give one of them.")
    if effects.bandwidth is not None:
        return _effects.with_bandwidth(model, effects.bandwidth, effects.lines)
    if not effects.spectrum:
        if paths.SPECTRUM in refine:
            raise InputError(f"--refine {paths.SPECTRUM} needs the lines of the spectrum: --spectrum or --bandwidth.")
        return model
    lines = numbers(effects.spectrum, "spectrum")
    energies = numbers([f"{energy}={energy}" for energy in lines], "spectrum")
    wavelengths = [wavelength_from_kev(energy) for energy in energies.values()]
    return _effects.with_spectrum(model, wavelengths, list(lines.values()))


def _slice_distance(effects: Effects) -> float:
    if effects.slice_distance is None or effects.slices < 2:
        raise InputError("A thick object needs --slices, 2 or more, and --slice-distance, in metres.")
    return effects.slice_distance


def _aberrations(effects: Effects) -> dict[int, float]:
    """Radians by Noll's number."""
    found = signed_numbers(effects.aberration, "aberration")
    for name in found:
        if not (name.isdecimal() and int(name) > 0):
            raise InputError(f"--aberration {name}: expected Noll's number of a Zernike polynomial, from 1.")
    return {int(name): value for name, value in found.items()}


def _pupil(model: "AbstractModel", effects: Effects) -> float | None:
    """Radius of the pupil in cycles per metre."""
    if effects.numerical_aperture is None:
        return None
    if not 0 < effects.numerical_aperture < 1:
        raise InputError(f"--numerical-aperture {effects.numerical_aperture:g}: expected a number between 0 and 1.")
    wavelength = getattr(model, "wavelength", None)
    return effects.numerical_aperture / wavelength if wavelength else None
