"""The beam: whether neighbouring positions overlap, and whether window and detector hold it."""

import numpy as np
from jaxtyping import Bool, Float64

from ptychograd.core.illumination import brightness
from ptychograd.data.checks.finding import BAD, DOUBTFUL, GOOD, Evidence, Finding, Sample
from ptychograd.data.checks.pupils import start_fields

ENOUGH_OVERLAP, LEAST_OVERLAP, MOST_OVERLAP = 0.6, 0.3, 0.98  # linear; 60 to 70 % is what the literature advises
BORDER = 16  # a border as wide as one part of so many of the frame, at each side
FULL, OVERFULL = 0.01, 0.05  # share of the light in the border
# The same of a probe: 1.2 % in the border raised the error of an object from 0.07 to 0.10, 2.4 % to 0.13, 5 % to 0.17
# (a Gaussian beam, 1e6 photons); the probe that the demo ends with, at the noise, has 1.2 % there.
FILLED = 0.02
EVEN = 0.5  # brightness of the border over that of the whole frame, from which a near field wraps around
OFF_CENTRE, FAR_OFF, IN_A_CORNER = 1.5, 0.05, 0.4  # pixels; shares of the frame
CONCENTRATED = 0.2  # |Σ I exp(2πi n/N)| / Σ I along an axis: with less, light is too even to have a middle
FAINT, DAZZLING = 0.1, 10.0  # photons of the start probe over those of the brightest pattern


def overlap(evidence: Evidence) -> Finding | None:
    """Linear overlap of neighbours: 1 - step / diameter of the start probe."""
    if evidence.is_crystal or len(evidence.positions) < 2:
        return None
    step, diameter = evidence.step, evidence.diameter
    if not (diameter > 0 and step > 0):
        return None
    share = max(1 - step / diameter, 0.0)
    found = f"{share:.0%}: a step of {step:.3g} pixels, a start probe of {diameter:.3g} pixels"
    figures = {"overlap": share, "step_pixels": step, "probe_pixels": diameter}
    if share >= MOST_OVERLAP and not evidence.is_near:
        text = f"the step is {step / diameter:.1%} of the probe: check the unit of the positions"
        return Finding("overlap", DOUBTFUL, found, text, figures)
    if share >= ENOUGH_OVERLAP:
        return Finding("overlap", GOOD, found, "", figures)
    if evidence.is_estimated and not evidence.is_near:
        found = f"{share:.0%} or more: a step of {step:.3g} pixels, a focus of {diameter:.3g} by the mean pattern"
        text = (
            "the probe is estimated as if it were in focus, and a defocused one is larger: say what it was "
            f"(`data.keys.probe=PATH`, or {start_fields(evidence)}, with `model.start.defocus`)"
        )
        return Finding("overlap", DOUBTFUL, found, text, figures)
    if share >= LEAST_OVERLAP:
        text = "expect ambiguities; next time take smaller steps, for an overlap of 60 to 70 %"
        return Finding("overlap", DOUBTFUL, found, text, figures)
    text = (
        "too little to join one position to the next; if the probe was larger, say so (`data.keys.probe=PATH`, "
        f"{start_fields(evidence)} with `model.start.defocus`), else measure with smaller steps"
    )
    return Finding("overlap", BAD, found, text, figures)


def probe_fill(evidence: Evidence) -> Finding | None:
    """Share of the start probe's power at the edge of the window, where it wraps around."""
    if not evidence.is_far or evidence.probe is None or not evidence.probe.any():
        return None
    power = brightness(evidence.probe)
    share = float(power[border(power.shape)].sum() / power.sum())
    fill = evidence.diameter / min(power.shape)
    found = f"diameter {fill:.0%} of the window, {share:.2%} of the power at its edge"
    figures = {"fill": fill, "share_at_edge": share}
    if share <= FILLED:
        return Finding("probe fill", GOOD, found, "", figures)
    text = (
        "the probe reaches the edge of the window and wraps around: the detector's pixels are too large for it; use a "
        "smaller probe, a larger distance, or fewer binned pixels"
    )
    return Finding("probe fill", BAD if share > OVERFULL else DOUBTFUL, found, text, figures)


def probe_power(evidence: Evidence) -> Finding | None:
    """Photons of a given start probe over those of the brightest pattern."""
    if evidence.probe is None or evidence.is_estimated or evidence.is_crystal or not evidence.probe.any():
        return None
    photons = float(brightness(evidence.probe).sum())
    brightest = float(evidence.data.photons.max())
    if not brightest > 0:
        return None
    ratio = photons / brightest
    found = f"{photons:.3g} photons in the start probe, {brightest:.3g} in the brightest pattern"
    if FAINT <= ratio <= DAZZLING:
        return Finding("probe power", GOOD, found, "", {"ratio": ratio})
    text = (
        f"multiply the probe by {1 / np.sqrt(ratio):.3g}: from so wrong a scale the first epochs are lost, and more "
        "where steps are small"
    )
    return Finding("probe power", DOUBTFUL, found, text, {"ratio": ratio})


def detector_edge(evidence: Evidence) -> Finding | None:
    """Light at the edge of the detector: what falls beside it is missing, and a near field wraps around."""
    if not (evidence.is_far or evidence.is_near) or not evidence.mean.any():
        return None
    edge = border(evidence.mean.shape)
    valid = evidence.data.sums[1] > 0
    if not (edge & valid).any():
        return None
    share = float(evidence.mean[edge & valid].sum() / evidence.mean.sum())
    evenness = float(evidence.mean[edge & valid].mean() / evidence.mean[valid].mean())
    figures = {"share_at_edge": share, "brightness_at_edge": evenness}
    found = f"{share:.2%} of the photons at the edge of the detector"
    if evidence.is_near:
        if evenness <= EVEN:
            return Finding("detector edge", GOOD, found, "", figures)
        text = "the beam is wider than the detector, and the model wraps it around: expect artefacts along the edges"
        return Finding("detector edge", DOUBTFUL, found, text, figures)
    if share <= FULL:
        return Finding("detector edge", GOOD, found, "", figures)
    text = (
        "light falls beside the detector: crop the patterns less, or refine the background "
        "(`fit.refine=detector.background`); magnified shadows of the sample are a near field, which "
        "`model.kind=near-field` tells"
    )
    return Finding("detector edge", BAD if share > OVERFULL else DOUBTFUL, found, text, figures)


def centre(evidence: Evidence) -> Finding | None:
    """Where the far field's middle is, and where its zero frequency is expected: pixel n // 2."""
    if not evidence.is_far or not evidence.mean.any():
        return None
    shape = np.array(evidence.mean.shape)
    found_at, off = off_centre(evidence.mean)
    distance = float(np.hypot(*off))
    y, x = np.round(found_at, 1) % shape
    found = f"at pixel ({y:.1f}, {x:.1f}), expected ({shape[0] // 2}, {shape[1] // 2}) (y, x)"
    figures = {"y": float(found_at[0]), "x": float(found_at[1]), "off_pixels": distance}
    if (np.abs(off) > IN_A_CORNER * shape).any():
        return Finding("centre", BAD, found, _SHIFT, figures)
    if distance <= max(OFF_CENTRE, 0.01 * shape.max()):
        return Finding("centre", GOOD, found, "", figures)
    rows, columns = -np.round(off).astype(int)
    text = (
        f"move or crop patterns and mask by ({rows:+d}, {columns:+d}) pixels (y, x) if the beam was symmetric; what is "
        "left becomes a phase ramp over the probe"
    )
    return Finding("centre", BAD if distance > FAR_OFF * shape.max() else DOUBTFUL, found, text, figures)


_SHIFT = (
    "the zero frequency is in a corner, or an axis of the patterns is rolled; move it to the middle "
    "(numpy.fft.fftshift over the last two axes of patterns and mask)"
)


def corner(sample: Sample) -> Finding | None:
    """A far field whose zero frequency is half a frame away from where it is expected."""
    mean = sample.mean
    if not mean.any():
        return None
    found_at, off = off_centre(mean)
    if not (np.abs(off) > IN_A_CORNER * np.array(mean.shape)).any():
        return None
    y, x = (round(place) % n for place, n in zip(found_at.tolist(), mean.shape, strict=True))
    return Finding("centre", BAD, f"the middle of the light is about pixel ({y}, {x}) (y, x)", _SHIFT, {})


def is_in_a_corner(finding: Finding) -> bool:
    """Whether that is what a finding about the centre says."""
    return finding.advice.startswith(_SHIFT)


def off_centre(mean: Float64[np.ndarray, "y x"]) -> tuple[Float64[np.ndarray, "2"], Float64[np.ndarray, "2"]]:
    """Where an image's light has its middle (y, x), and how far from pixel n // 2; no distance where it has none."""
    shape = np.array(mean.shape)
    found_at, concentrated = middle(mean), concentration(mean) > CONCENTRATED
    off = (found_at - shape // 2 + shape / 2) % shape - shape / 2
    return np.where(concentrated, found_at, shape // 2), np.where(concentrated, off, 0.0)


def concentration(image: Float64[np.ndarray, "y x"]) -> Float64[np.ndarray, "2"]:
    """How near an image's light is together along each axis (y, x): 1 in one row, 0 where it is even."""
    return np.array([abs(moment) for moment in _moments(image)]) / max(float(image.sum()), np.finfo(float).tiny)


def _moments(image: Float64[np.ndarray, "y x"]) -> list[complex]:
    return [
        complex(np.sum(image.sum(axis=1 - axis) * np.exp(2j * np.pi * np.arange(size) / size)))
        for axis, size in enumerate(image.shape)
    ]


def middle(image: Float64[np.ndarray, "y x"]) -> Float64[np.ndarray, "2"]:
    """Centre (y, x) of an image's light on a circle of its pixels, so that a centre in the corners is found too."""
    moments = zip(_moments(image), image.shape, strict=True)
    return np.array([np.angle(moment) * size / (2 * np.pi) % size for moment, size in moments])


def border(shape: tuple[int, ...]) -> Bool[np.ndarray, "y x"]:
    """The pixels along the edges of a frame."""
    edge = np.ones(shape, bool)
    edge[tuple(slice(max(1, n // BORDER), n - max(1, n // BORDER)) for n in shape)] = False
    return edge
