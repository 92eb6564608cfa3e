"""Where the parameters of the package's own models are, and in which unit: for options, and for files without roles.

A model of one's own has other paths; its `roles` say what they mean. So whoever has a model or a result asks for roles.
What is asked for before there is a model, as by an option, is here. Nothing heavy is imported.
"""

TRANSMISSION, DENSITY, DISTANCE = "object.transmission", "object.density", "object.distance"
SUPPORT = "object.support"
EARLIER_ILLUMINATION = "probe.illumination"  # of results before roles were recorded
MODES, INTENSITY, VARIATIONS, WEIGHTS = "probe.modes", "probe.intensity", "probe.variations", "probe.weights"
DEFOCUS, ABERRATIONS = "probe.defocus", "probe.aberrations"
CORRECTING = {"offset": "scan.offset", "affine": "scan.affine", "drift": "scan.drift"}  # by the field of `Positions`
BACKGROUND, FLAT_FIELD = "detector.background", "detector.flat_field"
POINT_SPREAD, POINT_SPREAD_WIDTH = "detector.point_spread", "detector.point_spread.width"
PROPAGATED, SPECTRUM = "propagator.distance", "propagator.weights"

REFINABLE = (
    *("object", TRANSMISSION, DENSITY, DISTANCE),
    *("probe", MODES, INTENSITY, VARIATIONS, WEIGHTS, DEFOCUS, ABERRATIONS),
    *CORRECTING.values(),
    *("detector", BACKGROUND, FLAT_FIELD, POINT_SPREAD, POINT_SPREAD_WIDTH),
    *("propagator", PROPAGATED, SPECTRUM, "deviation"),
)  # what a stage may name
LENS = (DEFOCUS, ABERRATIONS)  # beside which the modes can't be found
IF_ASKED = (DISTANCE, *LENS)  # what no pattern tells without more knowledge
UNITS = {
    BACKGROUND: "photons a pixel",
    POINT_SPREAD_WIDTH: "pixels",
    DISTANCE: "m",
    ABERRATIONS: "rad",
    DEFOCUS: "m",
    MODES: "√photons",
    PROPAGATED: "m",
}  # of those that are not relative


def is_of_scan(path: str) -> bool:
    """Whether a parameter of the package's own models is one of the scan's."""
    return path.startswith("scan.")
