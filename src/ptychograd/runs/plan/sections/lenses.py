"""The lens that makes the start probe: a zone plate, or that of an electron microscope."""

from ptychograd.runs.plan.fields import Section, about
from ptychograd.runs.plan.quantities import Aberrations, Angle, Length


class ZonePlateSection(Section):
    """A Fresnel zone plate that makes the start probe; defocus is the distance from its focus to the sample."""

    diameter: Length | None = about("Diameter of the zone plate.", above=0)
    outermost_width: Length | None = about("Width of its outermost zone.", above=0)
    central_stop: Length = about("Diameter of the stop in its middle.", 0.0, least=0)
    order_sorting_aperture: Length | None = about(
        "Diameter of the order-sorting aperture, if it may cut the cone.", above=0
    )
    order_sorting_distance: Length | None = about("From the order-sorting aperture to the focus.", above=0)


class ElectronProbeSection(Section):
    """A convergent beam of electrons, with aberrations, that is the start probe."""

    semi_angle: Angle | None = about(
        "Convergence semi-angle of the probe; by default that of the bright disc in the mean pattern."
    )
    aberrations: Aberrations = about(
        'Coefficients in Krivanek\'s notation, as {C10 = "-8 nm", C12 = "2 nm", phi12 = "30 deg", C30 = "1 um"}: '
        "lengths C10 (defocus; positive behind the focus), C12, C21, C23, C30 and so on up to C56, and their "
        "directions phi12 etc. from x towards y.",
        {},
    )
