"""The start probe of a Fresnel zone plate."""

import numpy as np

from ptychograd.core.errors import InputError
from ptychograd.models.starts.pupils import check_pupil, wave_of_pupil
from ptychograd.models.starts.windows import Lengths, ProbeStart, disc, known_lengths, pair


def zone_plate(
    diameter: float,
    outermost_width: float,
    central_stop: float = 0.0,
    defocus: float | Lengths = 0.0,
    *,
    order_sorting_aperture: float | None = None,
    order_sorting_distance: float | None = None,
) -> ProbeStart:
    """A start probe for recipes: the first order of a zone plate, `defocus` metres behind its focus.

    Its far field is evenly lit between the shadow of the central stop and the angle λ/(2Δr) of the outermost zones, of
    width Δr, so that the focus has its first zero at 1.22 Δr (D. Attwood, Soft X-Rays and Extreme Ultraviolet
    Radiation, Eqs. 9.33 and 9.50). The wave is exp(-iπλzf²) times that pupil: at positive z it diverges. Other orders
    are taken to be stopped.

    Args:
        diameter: of the zone plate, in metres.
        outermost_width: of its outermost zone, in metres.
        central_stop: diameter of the stop in its middle, in metres; by default there is none.
        defocus: metres from the focus to the sample, which is downstream of it if positive; or (y, x).
        order_sorting_aperture: its diameter in metres, if it may cut the cone.
        order_sorting_distance: metres from it to the focus.

    Returns:
        a function that makes the wave (y, x) for a dataset and its object pixels, as `far_field` takes it for `probe`.

    Raises:
        InputError: sizes that are none of a zone plate, or one of both lengths of the order-sorting aperture; from the
            function a cone larger than the detector, or a beam many times wider than the window.

    Example:
        >>> geometry = pg.Geometry(wavelength=1.5e-10, distance=2.0, pixel_size=(75e-6, 75e-6))
        >>> scan = pg.make_dataset(np.ones((2, 64, 60)), [[0, 0], [0, 1e-6]], geometry=geometry)
        >>> lens = pg.models.zone_plate(150e-6, 1e-7, central_stop=60e-6, defocus=4e-4)
        >>> pg.far_field(scan, probe=lens).probe.modes.shape
        (1, 64, 60)
    """
    _check(diameter, outermost_width, central_stop)
    if (order_sorting_aperture is None) != (order_sorting_distance is None):
        raise InputError("An order-sorting aperture cuts the cone by its diameter and its distance to the focus: both.")

    def start(data, sampling):
        lengths, wavelength = known_lengths(data, sampling)
        outer = 1 / (2 * outermost_width)
        inner = outer * central_stop / diameter
        check_pupil(outer, "The zone plate", data.frame_shape, lengths, wavelength)
        if order_sorting_aperture is not None and order_sorting_distance is not None:
            outer = min(outer, order_sorting_aperture / (2 * wavelength * abs(order_sorting_distance)))
        if not outer > inner:
            raise InputError("The order-sorting aperture lies in the shadow of the central stop: no light comes by.")
        away = pair(defocus)
        return wave_of_pupil(
            lambda shape, spacing: disc(shape, spacing, outer) - disc(shape, spacing, inner),
            lambda fy, fx: -np.pi * wavelength * (away[0] * fy**2 + away[1] * fx**2),
            (wavelength * abs(away[0]) * outer, wavelength * abs(away[1]) * outer),
            data.frame_shape,
            lengths,
        )

    return start


def _check(diameter: float, outermost_width: float, central_stop: float) -> None:
    if not 0 < outermost_width < diameter / 4:
        raise InputError(
            f"A zone plate of {diameter:.4g} m with an outermost zone of {outermost_width:.4g} m; expected a zone that "
            "is much narrower, both in metres."
        )
    if not 0 <= central_stop < diameter:
        raise InputError(
            f"A central stop of {central_stop:.4g} m in a zone plate of {diameter:.4g} m; expected a smaller one, or 0."
        )
