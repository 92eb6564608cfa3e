"""What probe, object and spectrum do beside the ideal, put into a model."""

from collections.abc import Iterable, Iterator, Sequence

from ptychograd.core.errors import InputError
from ptychograd.core.parameters import matches, trainable_names
from ptychograd.data.geometry import ENERGIES, wavelength_from_kev
from ptychograd.models import effects
from ptychograd.physics import paths
from ptychograd.physics.model import AbstractModel
from ptychograd.physics.objects import BoundedMagnitude, UnitMagnitude
from ptychograd.runs.plan.beams import one_defocus
from ptychograd.runs.plan.problems import about_field
from ptychograd.runs.plan.sections.model import ModelSection, ObjectSection, ProbeSection, SpectrumSection
from ptychograd.runs.stage import Stage

COMMON_ABERRATIONS: tuple[int, ...] = (5, 6, 7, 8, 11)  # where they are refined: astigmatism, coma, spherical
KEV = 1 / ENERGIES["J"]  # in joules


def with_wave(model: AbstractModel, asked: ModelSection, refine: Sequence[str] = ()) -> AbstractModel:
    """The start model with all that is asked for, and with the parameters to `refine`."""
    model, probe = _with_object(model, asked.object, refine), asked.probe
    lens = probe.aberrations or probe.numerical_aperture is not None or any(path in paths.LENS for path in refine)
    if lens:
        terms = aberrations(probe)
        if not terms and paths.ABERRATIONS in refine:
            terms = {noll: 0.0 for noll in COMMON_ABERRATIONS}
        with about_field("model.probe.aberrations"):
            model = effects.with_aberrations(model, one_defocus(asked.start), terms, pupil(model, probe))
    variations = probe.variations or int(any(path in (paths.WEIGHTS, paths.VARIATIONS) for path in refine))
    if variations:
        with about_field("model.probe.variations"):
            model = effects.with_varying_probe(model, variations)
    if probe.varying_intensity or paths.INTENSITY in refine:
        with about_field("model.probe.varying_intensity"):
            model = effects.with_varying_intensity(model)
    return with_lines(model, asked.spectrum, refine)


def held_unless_asked(stages: Iterable[Stage], model: AbstractModel, refine: Sequence[str]) -> Iterator[Stage]:
    """The stages, in which "object" and "probe" do not stand for what has to be asked for by its own name.

    Where defocus or aberrations are asked for, the modes are what they come from, and stay as they are.
    """
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


def _with_object(model: AbstractModel, asked: ObjectSection, refine: Sequence[str]) -> AbstractModel:
    if is_thick(asked) or paths.DISTANCE in refine:
        with about_field("model.object.slices"):
            model = effects.with_slices(model, asked.slices, slice_distance(asked))
    if asked.states != 1:
        with about_field("model.object.states"):
            model = effects.with_object_modes(model, asked.states)
    return with_magnitude(model, asked)


def with_magnitude(model: AbstractModel, asked: ObjectSection) -> AbstractModel:
    """The model whose object's magnitude is bounded, or 1, as it is asked for."""
    if asked.phase_only and asked.magnitude_at_most is not None:
        raise InputError(
            "`model.object.phase_only` and `model.object.magnitude_at_most` are both given; give one of them."
        )
    if asked.phase_only:
        with about_field("model.object.phase_only"):
            return effects.with_magnitude(model, UnitMagnitude())
    if asked.magnitude_at_most is not None:
        with about_field("model.object.magnitude_at_most"):
            return effects.with_magnitude(model, BoundedMagnitude(asked.magnitude_at_most))
    return model


def with_lines(model: AbstractModel, asked: SpectrumSection, refine: Sequence[str] = ()) -> AbstractModel:
    """The model with the spectrum that is asked for."""
    if asked.lines and asked.bandwidth is not None:
        raise InputError("`model.spectrum.lines` and `model.spectrum.bandwidth` are both given; give one of them.")
    if asked.bandwidth is not None:
        with about_field("model.spectrum.bandwidth"):
            return effects.with_bandwidth(model, asked.bandwidth, asked.samples)
    if not asked.lines:
        if paths.SPECTRUM in refine:
            raise InputError(
                f"`fit.refine` {paths.SPECTRUM} needs the lines of the spectrum: `model.spectrum.lines` or "
                "`model.spectrum.bandwidth`."
            )
        return model
    wavelengths = [wavelength_from_kev(line.energy / KEV) for line in asked.lines]
    with about_field("model.spectrum.lines"):
        return effects.with_spectrum(model, wavelengths, [line.weight for line in asked.lines])


def is_thick(asked: ObjectSection) -> bool:
    """Whether slices are asked for; not by a distance beside one slice that was asked for, as a sweep does."""
    is_single = asked.slices == 1 and "slices" in asked.model_fields_set
    return asked.slices != 1 or (asked.slice_distance is not None and not is_single)


def slice_distance(asked: ObjectSection) -> float:
    """Metres from one slice to the next."""
    if asked.slice_distance is None or asked.slices < 2:
        raise InputError("A thick object needs `model.object.slices`, 2 or more, and `model.object.slice_distance`.")
    return asked.slice_distance


def aberrations(asked: ProbeSection) -> dict[int, float]:
    """Radians by Noll's number."""
    for name in asked.aberrations:
        if not (name.isdecimal() and int(name) > 0):
            raise InputError(
                f"`model.probe.aberrations.{name}`: expected Noll's number of a Zernike polynomial, from 1."
            )
    return {int(name): value for name, value in asked.aberrations.items()}


def pupil(model: AbstractModel, asked: ProbeSection) -> float | None:
    """Radius of the pupil in cycles per metre."""
    aperture = asked.numerical_aperture
    if aperture is None:
        return None
    wavelength = getattr(model, "wavelength", None)
    return aperture / wavelength if wavelength else None
