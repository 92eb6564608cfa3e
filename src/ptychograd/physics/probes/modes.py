"""Incoherent modes as people look at them: orthogonal, the strongest first; NumPy only."""

import numpy as np
from jaxtyping import Complex, Float


def orthogonal_modes(
    modes: Complex[np.ndarray, "modes y x"],
) -> tuple[Complex[np.ndarray, "modes y x"], Float[np.ndarray, "modes"]]:
    """Mix incoherent modes so that they are orthogonal and make the same intensity in every plane.

    Incoherent modes are known only up to a unitary mixture; this one diagonalises their overlaps <m_k, m_l>, by the
    eigenvectors of a small matrix (Thibault & Menzel, Nature 494, 68 (2013), for the modes).

    Args:
        modes: (modes, y, x), as `probe.modes` of a result, in sqrt(photons) a pixel.

    Returns:
        the orthogonal modes, of the same shape, and their powers in photons, the largest first.

    Example:
        >>> modes = np.array([[[3.0 + 0j, 0.0]], [[3.0, 4.0]]])
        >>> orthogonal, powers = pg.physics.orthogonal_modes(modes)
        >>> round(float(powers.sum()), 3), round(abs(float(np.vdot(*orthogonal).real)), 3)
        (34.0, 0.0)
    """
    flat = modes.reshape(len(modes), -1).astype(np.complex128)
    powers, mixture = np.linalg.eigh(flat @ flat.conj().T)
    mixed = np.tensordot(mixture.conj().T[::-1], modes, axes=1)
    return mixed.astype(modes.dtype), np.maximum(powers[::-1], 0)
