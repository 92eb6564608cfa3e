"""The grey images that simulated objects are made of."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float
from skimage.color import rgb2gray
from skimage.io import imread
from skimage.transform import resize

from ptychograd.core.errors import InputError


def grey_image(
    path: Path | None, default: Callable[[], np.ndarray], shape: tuple[int, int]
) -> Float[np.ndarray, "y x"]:
    """An image file, or without one a default of scikit-image, grey and of this shape."""
    image = default() if path is None else _read(path)
    colour = image.ndim == 3 and image.shape[-1] >= 3
    grey = rgb2gray(image[..., :3]) if colour else image.reshape(*image.shape[:2], -1)[..., 0]
    return np.asarray(resize(grey.astype(float), shape, anti_aliasing=True))


def _read(path: Path) -> np.ndarray:
    try:
        return imread(path)
    except (OSError, ValueError, SyntaxError) as problem:
        raise InputError(f"{path} can't be read as an image ({problem}); expected PNG, TIFF or JPEG.") from None
