"""What of a result goes to other programs: image, illumination, positions and lengths, by their roles."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Complex, Float, Inexact

from ptychograd.core.errors import InputError
from ptychograd.core.log import log
from ptychograd.data.geometry import BraggGeometry
from ptychograd.fitting.result import Result, pixels_with_data
from ptychograd.output.captions import origin
from ptychograd.output.ramps import phase_slopes, ramp
from ptychograd.physics.roles import nominal_of
from ptychograd.quality.lattice_strain import strain

REAL = "values"  # the channel of a real image
Channels = dict[str, Float[np.ndarray, "..."]]


class Product(NamedTuple):
    """What of a result other programs take; what there is not is None.

    Args:
        image: (y, x), (layer, y, x) or (x, y, z), complex or real.
        axes: names of its axes in space.
        layers: what the axis before them counts, as "slices" or "states"; empty where there is none.
        spacing: from one slice to the next in metres.
        sampling: pixel along the axes in metres.
        illuminated: True for the pixels that patterns tell of, along the axes.
        gauge: what no pattern tells of the image, as "ramp".
        modes: of the illumination, (modes, y, x), if it has the axes of the image.
        corners: first pixel (index, 2) of each window in the image, with fractions.
        positions: (index, 2) in metres as the stage has them, refined if they were.
        lengths: wavelength, distance, pixel_size and more of the geometry, by name.
        losses: of the epochs.
        name: of the data.
    """

    image: Inexact[np.ndarray, "..."]
    axes: tuple[str, ...]
    layers: str
    spacing: float | None
    sampling: tuple[float, ...] | None
    illuminated: Bool[np.ndarray, "..."]
    gauge: tuple[str, ...]
    modes: Inexact[np.ndarray, "modes y x"] | None
    corners: Float[np.ndarray, "index 2"] | None
    positions: Float[np.ndarray, "index 2"] | None
    lengths: Mapping[str, object]
    losses: Float[np.ndarray, " epoch"]
    name: str

    @classmethod
    def of(cls, result: Result) -> "Product":
        """What a result has; raises `InputError` for an image of another form than other programs take."""
        image, beam, places = result.roles
        axes = ("y", "x") if image is None else image.axes
        layers, found = "" if image is None else image.layers, result.object
        known = len(axes) if result.sampling is None else len(result.sampling)
        if found.ndim not in (2, 3) or not len(axes) + bool(layers) == found.ndim == known + bool(layers):
            raise InputError(f"An object of {found.shape} with pixels of {result.sampling} m is no image or crystal.")
        if beam is not None and len(axes) == 2 and tuple(beam.axes) != tuple(axes):
            beam = places = None  # as a pupil, which is moved in the image's spectrum
        corners = (
            None
            if places is None
            else nominal_of(places) + (0 if places.corrections is None else np.asarray(places.corrections, np.float64))
        )
        refined = result.positions if result.positions_refined is None else result.positions_refined
        return cls(
            found,
            tuple(axes),
            layers,
            None if image is None or image.spacing is None else float(image.spacing),
            result.sampling,
            pixels_with_data(result.roles),
            () if image is None else tuple(image.gauge),
            None if beam is None else np.asarray(beam.array).reshape(-1, *np.shape(beam.array)[-2:]),
            corners,
            refined if corners is not None and refined is not None and len(refined) == len(corners) else None,
            result.settings.get("geometry") or {},
            np.asarray(result.history.loss, np.float64),
            "" if (source := origin(result.settings)) is None else source.name,
        )

    @property
    def is_volume(self) -> bool:
        """Whether the image has three axes in space."""
        return len(self.axes) == 3

    @property
    def centres(self) -> Float[np.ndarray, "index 2"] | None:
        """Middle of each window, at pixel (n - 1)/2 of n, in pixels of the image; None where there are no windows."""
        if self.corners is None or self.modes is None:
            return None
        return self.corners + (np.array(self.modes.shape[-2:]) - 1) / 2

    def number(self, name: str) -> float | None:
        """A length of the geometry in metres; None where it is not known."""
        found = self.lengths.get(name)
        return float(found) if isinstance(found, int | float) else None

    def cropped(self) -> "Product":
        """The smallest part of the image that holds all that patterns tell of."""
        if not self.illuminated.any():
            raise InputError("No pixel of this image is known to be lit: it can't be cropped to those.")
        box = tuple(slice(found.min(), found.max() + 1) for found in np.nonzero(self.illuminated))
        corners = None if self.corners is None else self.corners - [part.start for part in box[-2:]]
        image = self.image[(..., *box)]
        return self._replace(image=image, illuminated=self.illuminated[box], corners=corners)

    def without_ramp(self) -> "Product":
        """The image without its mean phase and the linear one, which the illumination takes: they fit as before."""
        if why := self._why_no_ramp():
            log.warning("export: %s", why)
            return self
        first = self.image[0] if self.layers else self.image
        slopes = phase_slopes(first, self.illuminated)
        image = self.image * ramp(first.shape, slopes).conj()
        mean = np.angle(np.sum(np.where(self.illuminated, image[0] if self.layers else image, 0)))
        modes = None if self.modes is None else self.modes * ramp(self.modes.shape[-2:], slopes).astype(np.complex64)
        return self._replace(image=(image * np.exp(-1j * mean)).astype(self.image.dtype), modes=modes)

    def _why_no_ramp(self) -> str:
        """Why a linear phase stays, in a sentence; empty where it may go."""
        if not np.iscomplexobj(self.image) or self.is_volume:
            return f"a {'volume' if self.is_volume else 'real image'} keeps its linear phase."
        if self.layers == "slices" and len(self.image) > 1:
            return "the linear phase of several slices is no freedom of theirs, and stays."
        return "" if "ramp" in self.gauge else "patterns tell of this image's linear phase, which stays."

    def channels(self) -> Channels:
        """Magnitude and phase of the image; of a crystal of known geometry strain too; of a real image its values."""
        if not np.iscomplexobj(self.image):
            return {REAL: self.image.astype(np.float32)}
        found = {"magnitude": np.abs(self.image), "phase": np.angle(self.image)}
        vector = self._scattering_vector()
        if vector is not None and self.sampling is not None:
            found["strain"] = strain(self.image, self.sampling, vector)
        return {name: values.astype(np.float32) for name, values in found.items()}

    def _scattering_vector(self) -> Float[np.ndarray, "3"] | None:
        known = self.lengths
        if not self.is_volume or "rocking" not in known:
            return None
        angles = known["two_theta"], tuple(known["rocking"])  # type: ignore[arg-type]
        geometry = BraggGeometry(known["wavelength"], known["distance"], tuple(known["pixel_size"]), *angles)  # type: ignore[arg-type]
        return geometry.scattering_vector


def complex_image(product: Product, format: str) -> Complex[np.ndarray, "layer y x"]:
    """The image as slices (layer, y, x), for formats that hold these alone.

    Raises:
        InputError: it is a volume.
    """
    if product.is_volume:
        raise InputError(f"A {format} holds images, and this object is a volume; give a name with .tiff, .nxs or .npz.")
    image = product.image
    if not np.iscomplexobj(image):
        log.warning("export: a %s holds complex objects; this real image is written as the real part of one.", format)
    if product.layers not in ("", "slices"):
        log.warning("export: a %s holds no %s of an object; the first is written.", format, product.layers)
        image = image[0]
    return np.asarray(image if image.ndim == 3 else image[None], np.result_type(image.dtype, np.complex64))
