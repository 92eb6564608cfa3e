"""Options for what probe, object and spectrum do beside the ideal, put into a model."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ptychograd.cli.asked import Pieces
from ptychograd.cli.texts import numbers, signed_numbers
from ptychograd.core.errors import InputError

if TYPE_CHECKING:
    from ptychograd.physics.model import AbstractModel
    from ptychograd.runs.run import Stage

COMMON_ABERRATIONS: tuple[int, ...] = (5, 6, 7, 8, 11)  # of --refine probe.aberrations: astigmatism, coma, spherical
IF_ASKED = ("object.distance", "probe.defocus", "probe.aberrations")  # what no pattern tells without more knowledge
LENS = ("probe.defocus", "probe.aberrations")


def with_wave(
    model: "AbstractModel", pieces: Pieces, refine: Sequence[str] = (), defocus: float = 0.0
) -> "AbstractModel":
    """The start model with all that is asked for, and with the parameters to `refine`."""
    from ptychograd.models import effects as _pieces

    model = _with_object(model, pieces, refine)
    lens = pieces.aberration or pieces.numerical_aperture is not None or any(path in LENS for path in refine)
    if lens:
        terms = _aberrations(pieces)
        if not terms and "probe.aberrations" in refine:
            terms = {noll: 0.0 for noll in COMMON_ABERRATIONS}
        model = _pieces.with_aberrations(model, defocus, terms, _pupil(model, pieces))
    variations = pieces.probe_variations or int(any(path in ("probe.weights", "probe.variations") for path in refine))
    if variations:
        model = _pieces.with_varying_probe(model, variations)
    if pieces.varying_intensity or "probe.intensity" in refine:
        model = _pieces.with_varying_intensity(model)
    return _with_spectrum(model, pieces, refine)


def with_true_wave(model: "AbstractModel", pieces: Pieces, seed: int) -> "AbstractModel":
    """The true model of a simulation with all that is asked for: slices that differ, variations by chance."""
    from ptychograd.models import effects as _pieces
    from ptychograd.models.effects import truths

    if pieces.slices != 1 or pieces.slice_distance is not None:
        model = truths.truly_sliced(model, pieces.slices, _slice_distance(pieces))
    if pieces.object_modes != 1:
        model = truths.truly_mixed(model, pieces.object_modes)
    model = _with_magnitude(model, pieces)
    if pieces.aberration:
        model = _pieces.with_aberrations(model, 0.0, _aberrations(pieces), _pupil(model, pieces))
    if pieces.probe_variations:
        model = truths.truly_varying(model, pieces.probe_variations, seed)
    if pieces.varying_intensity:
        model = truths.truly_unsteady(model, seed)
    return _with_spectrum(model, pieces, ())


def held_unless_asked(stages: Iterable["Stage"], model: "AbstractModel", refine: Sequence[str]) -> Iterator["Stage"]:
    """The stages, in which "object" and "probe" do not stand for what has to be asked for by its own name.

    Where defocus or aberrations are asked for, the modes are what they come from, and stay as they are.
    """
    from ptychograd.core.parameters import matches, trainable_names

    leaves = trainable_names(model)
    special = {path for path in IF_ASKED if path in leaves} | {path for path in refine if path in leaves}
    if any(path in LENS for path in refine):
        special |= {"probe.modes"}
    for stage in stages:
        if not any(matches(path, parent) and path != parent for path in special for parent in stage.trainable):
            yield stage
            continue
        names = [
            leaf
            for leaf in leaves
            if leaf in stage.trainable
            or (leaf not in special and any(matches(leaf, parent) for parent in stage.trainable))
        ]
        yield stage._replace(trainable=tuple(names))


def _with_object(model: "AbstractModel", pieces: Pieces, refine: Sequence[str]) -> "AbstractModel":
    from ptychograd.models import effects as _pieces

    if pieces.slices != 1 or pieces.slice_distance is not None or "object.distance" in refine:
        model = _pieces.with_slices(model, pieces.slices, _slice_distance(pieces))
    if pieces.object_modes != 1:
        model = _pieces.with_object_modes(model, pieces.object_modes)
    return _with_magnitude(model, pieces)


def _with_magnitude(model: "AbstractModel", pieces: Pieces) -> "AbstractModel":
    from ptychograd.models import effects as _pieces
    from ptychograd.physics.objects import BoundedMagnitude, UnitMagnitude

    if pieces.phase_only and pieces.magnitude_at_most is not None:
        raise InputError("--phase-only and --magnitude-at-most are both given; give one of them.")
    if pieces.phase_only:
        return _pieces.with_magnitude(model, UnitMagnitude())
    if pieces.magnitude_at_most is not None:
        return _pieces.with_magnitude(model, BoundedMagnitude(pieces.magnitude_at_most))
    return model


def _with_spectrum(model: "AbstractModel", pieces: Pieces, refine: Sequence[str]) -> "AbstractModel":
    from ptychograd.data.geometry import wavelength_from_kev
    from ptychograd.models import effects as _pieces

    if pieces.spectrum and pieces.bandwidth is not None:
        raise InputError("--spectrum and --bandwidth are both given; give one of them.")
    if pieces.bandwidth is not None:
        return _pieces.with_bandwidth(model, pieces.bandwidth, pieces.lines)
    if not pieces.spectrum:
        if "propagator.weights" in refine:
            raise InputError("--refine propagator.weights needs the lines of the spectrum: --spectrum or --bandwidth.")
        return model
    lines = numbers(pieces.spectrum, "spectrum")
    energies = numbers([f"{energy}={energy}" for energy in lines], "spectrum")
    wavelengths = [wavelength_from_kev(energy) for energy in energies.values()]
    return _pieces.with_spectrum(model, wavelengths, list(lines.values()))


def _slice_distance(pieces: Pieces) -> float:
    if pieces.slice_distance is None or pieces.slices < 2:
        raise InputError("A thick object needs --slices, 2 or more, and --slice-distance, in metres.")
    return pieces.slice_distance


def _aberrations(pieces: Pieces) -> dict[int, float]:
    """Radians by Noll's number."""
    found = signed_numbers(pieces.aberration, "aberration")
    for name in found:
        if not (name.isdecimal() and int(name) > 0):
            raise InputError(f"--aberration {name}: expected Noll's number of a Zernike polynomial, from 1.")
    return {int(name): value for name, value in found.items()}


def _pupil(model: "AbstractModel", pieces: Pieces) -> float | None:
    """Radius of the pupil in cycles per metre."""
    if pieces.numerical_aperture is None:
        return None
    if not 0 < pieces.numerical_aperture < 1:
        raise InputError(f"--numerical-aperture {pieces.numerical_aperture:g}: expected a number between 0 and 1.")
    wavelength = getattr(model, "wavelength", None)
    return pieces.numerical_aperture / wavelength if wavelength else None
