"""ePIE in forty lines of NumPy, as its paper has it (Maiden & Rodenburg, Ultramicroscopy 109, 1256 (2009))."""

import numpy as np
from common import main

SETTINGS = {"ePIE": 1.0, "rPIE 0.1": 0.1}


def run(problem, alpha, record):
    rng = np.random.default_rng(0)
    modulus = np.fft.ifftshift(np.sqrt(problem.patterns.astype(np.float32)), (1, 2))
    object, probe = problem.object.astype(np.complex64), problem.probe.astype(np.complex64)
    corners = np.floor(problem.positions).astype(int)
    rest = problem.positions - corners
    frame, (fy, fx) = probe.shape[1:], (np.fft.fftfreq(n)[:, None] for n in probe.shape[1:])
    ramps = [np.exp(-2j * np.pi * (fy * dy + fx.T * dx)).astype(np.complex64) for dy, dx in rest]

    def moved(wave, ramp):
        return wave if whole else np.fft.ifft2(np.fft.fft2(wave) * ramp).astype(np.complex64)

    whole, more, epoch = not rest.any(), True, 0
    while more:
        for index in rng.permutation(len(corners)):
            y, x = corners[index]
            window = np.s_[y : y + frame[0], x : x + frame[1]]
            patch, here = object[window].copy(), moved(probe, ramps[index])
            far = np.fft.fft2(here * patch, norm="ortho")
            size = np.sqrt(np.sum(np.abs(far) ** 2, axis=0))
            far *= modulus[index] / np.maximum(size, 1e-9) - 1
            change = np.fft.ifft2(far, norm="ortho").astype(np.complex64)
            light, seen = np.sum(np.abs(here) ** 2, axis=0), np.abs(patch) ** 2
            object[window] += np.sum(here.conj() * change, axis=0) / ((1 - alpha) * light + alpha * light.max())
            if epoch < problem.hold:
                continue
            change *= patch.conj() / ((1 - alpha) * seen + alpha * seen.max())
            probe = probe + moved(change, ramps[index].conj())
        epoch += 1
        state = object, probe
        more = record(lambda state=state: state)


if __name__ == "__main__":
    main(SETTINGS, run, np.__version__)
