"""Where photons are few: the default against batches of a size that is said, on simulated electron scans.

    python benchmarks/few_photons.py [--first 100] [--seeds 5] [--kinds dose spread ...] [--epochs 30] [--json FILE]

Each scan is simulated in NumPy alone, with its own propagation and cuts. `dose` is a weak phase object with 3000
electrons a pattern; with `spread` an electron fires four pixels; with `thick` it has three slices, fitted as one;
`weaker` has 2000 electrons on all of the detector; `jitter` is off the raster. The other kinds vary probe, step, size
and object, with a number of electrons drawn from 500 to 50,000: no constant was chosen on any of them, nor on seeds
above 0. The figure is the correlation of the object's phase with the truth in the middle of the scan, ramp taken out.
"""

import argparse
import json

import numpy as np

import ptychograd as pg
from ptychograd.runs import QuasiNewtonNearNoise

BATCHES = (4, 16, 64, 256)


def smooth(rng, shape, width):
    k2 = sum(np.meshgrid(*(np.fft.fftfreq(n) ** 2 for n in shape), indexing="ij"))
    z = np.fft.ifft2(np.fft.fft2(rng.normal(size=shape)) * np.exp(-2 * (np.pi * width) ** 2 * k2)).real
    return (z - z.mean()) / z.std()


def discs(rng, shape, count, radius):
    y, x = np.mgrid[: shape[0], : shape[1]]
    out = np.zeros(shape)
    for _ in range(count):
        out += np.hypot(y - rng.uniform(0, shape[0]), x - rng.uniform(0, shape[1])) < radius * rng.uniform(0.7, 1.3)
    return out


def wave_of(n, aperture, bend):
    """A round aperture of so many pixels, with so many radians of defocus at its rim; power 1."""
    k = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n) * n,) * 2, indexing="ij"))
    wave = np.fft.fftshift(np.fft.ifft2(np.clip(aperture - k + 0.5, 0, 1) * np.exp(1j * bend * (k / aperture) ** 2)))
    return wave / np.sqrt(np.sum(np.abs(wave) ** 2))


def moved_by(wave, rest):
    f = np.fft.fftfreq(len(wave))
    return np.fft.ifft2(np.fft.fft2(wave) * np.exp(-2j * np.pi * (f[:, None] * rest[0] + f * rest[1])))


def onwards(wave, bend):
    f = np.fft.fftfreq(len(wave))
    return np.fft.ifft2(np.fft.fft2(wave) * np.exp(-1j * bend * (f[:, None] ** 2 + f**2)))


def constants(kind, rng):
    """Of a kind of scan: size, steps, step, turn, aperture, defocus, strength, electrons, correlation of the object."""
    given = dict(
        n=64, steps=40, step=5.0, turn=-36.0, aperture=14.7, bend=10.4, strength=0.12, electrons=3000.0, width=2.0
    )
    if "weaker" in kind:
        given |= dict(step=3.36, turn=30.0, aperture=31.0, bend=45.0, electrons=2000.0, strength=0.25, width=4.0)
    if "other" in kind:
        n = int(rng.choice([48, 64, 80]))
        aperture = n * rng.uniform(0.15, 0.4)
        given |= dict(n=n, steps=int(rng.integers(20, 36)), step=rng.uniform(2.5, 6.0), turn=rng.uniform(-45, 45))
        given |= dict(aperture=aperture, bend=aperture * rng.uniform(0.6, 1.2) * rng.choice([-1, 1]))
        given |= dict(strength=rng.uniform(0.08, 0.5), electrons=10 ** rng.uniform(2.7, 4.7), width=rng.uniform(1.5, 4))
    return argparse.Namespace(**given)


def simulated(kind, seed):
    """Data, true object, and what they were made with."""
    rng = np.random.default_rng([seed, *kind.encode()])
    c = constants(kind, rng)
    axes = np.array([[np.cos(a), np.sin(a)] for a in np.deg2rad([c.turn, c.turn + 90])])
    places = np.stack(np.meshgrid(*(np.arange(c.steps),) * 2, indexing="ij"), -1).reshape(-1, 2) @ axes * c.step
    if "jitter" in kind or ("other" in kind and rng.uniform() < 0.3):
        places = places + rng.uniform(-0.3, 0.3, places.shape) * c.step
    places -= places.min(axis=0)
    shape = tuple(np.ceil(places.max(axis=0)).astype(int) + c.n + 2)
    thick = "thick" in kind
    slices = [
        np.exp(1j * c.strength * (0.5 * smooth(rng, shape, c.width) + 1.5 * discs(rng, shape, shape[0] // 5, 5.0)))
        for _ in range(3 if thick else 1)
    ]
    wave = wave_of(c.n, c.aperture, c.bend)
    expected = np.empty((len(places), c.n, c.n))
    for number, place in enumerate(places):
        corner = np.round(place).astype(int)
        psi = moved_by(wave, place - corner)
        for one in slices:
            psi = onwards(psi * one[corner[0] : corner[0] + c.n, corner[1] : corner[1] + c.n], 60.0 if thick else 0.0)
        expected[number] = np.abs(np.fft.fftshift(np.fft.fft2(psi, norm="ortho"))) ** 2
    fires = [(0, 0), (0, 1), (1, 0), (1, 1)] if "spread" in kind else [(0, 0)]
    electrons = rng.poisson(expected * c.electrons / len(fires))
    counts = sum(np.roll(electrons, one, axis=(1, 2)) for one in fires).astype(np.uint32)
    start = wave * np.sqrt(counts.sum(axis=(1, 2)).mean())
    return pg.make_dataset(counts, places, probe=start.astype(np.complex64)), np.prod(slices, axis=0), c


def flat(image):
    """Phase without a constant and a ramp."""
    phase = np.angle(image * np.exp(-1j * np.angle(image.sum())))
    y, x = np.indices(phase.shape)
    terms = np.stack([np.ones(phase.size), y.ravel(), x.ravel()], axis=1)
    return phase - (terms @ np.linalg.lstsq(terms, phase.ravel(), rcond=None)[0]).reshape(phase.shape)


def correlation(image, truth):
    """The best over shifts of whole pixels, in the middle."""
    top, left = ((there - here) // 2 for there, here in zip(truth.shape, image.shape, strict=True))
    (y, y2), (x, x2) = ((int(0.3 * n), int(0.7 * n)) for n in image.shape)
    here, best = flat(image[y:y2, x:x2]), -1.0
    for dy in range(-6, 7):
        for dx in range(-6, 7):
            cut = truth[max(0, y + top + dy) : y2 + top + dy, max(0, x + left + dx) : x2 + left + dx]
            if cut.shape == here.shape:
                there = flat(cut)
                best = max(best, float(np.sum(here * there) / np.sqrt(np.sum(here**2) * np.sum(there**2))))
    return best


def ended(data, truth, epochs, batch_size):
    """What a run ends with; without a batch size it is the default."""
    stages = (pg.Stage(epochs),)
    if batch_size is None:
        stages = (pg.Stage(epochs // 3), pg.Stage(epochs - epochs // 3, solver=QuasiNewtonNearNoise()))
    result = pg.perform(pg.Run(pg.far_field(data), data, pg.Nesterov(), stages, batch_size))
    verdict, found = result.settings["verdict"], pg.fitting.raster_artefact(result)
    return {
        "correlation": round(correlation(result.object, truth), 4),
        "figures": None if found is None else [round(float(x), 4) for x in found[:4]],
        "r_factor": round(result.history.r_factor[-1], 5),
        "solver": result.settings["solver"].split(",")[0],
        "batch_size": result.settings["batch_size"],
        "verdict": verdict["code"],
        "causes": [cause["code"] for cause in verdict["causes"]],
        "seconds": round(sum(result.history.seconds[1:]), 1),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--first", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--kinds", nargs="+", default=["dose", "spread", "spread+thick", "weaker", "jitter", "other"])
    parser.add_argument("--batches", nargs="*", type=int, default=BATCHES)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--json")
    asked, found = parser.parse_args(), []
    for kind in asked.kinds:
        for seed in range(asked.first, asked.first + asked.seeds):
            data, truth, constant = simulated(kind, seed)
            mine = ended(data, truth, asked.epochs, None)
            is_of_all = (mine["solver"], mine["batch_size"]) == ("Nesterov", data.count)  # the same run as that of all
            sizes = asked.batches if is_of_all else (*asked.batches, data.count)
            runs = {str(size): ended(data, truth, asked.epochs, size) for size in sizes}
            runs |= {str(data.count): mine} if is_of_all else {}
            best = max(run["correlation"] for run in runs.values())
            found.append({"kind": kind, "seed": seed, "default": mine, "best": best, "runs": runs, **vars(constant)})
            lattice = {name: " lattice" * ("lattice" in run["causes"]) for name, run in (runs | {"": mine}).items()}
            sizes = ", ".join(f"{size}: {run['correlation']:.3f}{lattice[size]}" for size, run in runs.items())
            print(f"{kind} {seed}: default {mine['correlation']:.3f} ({mine['solver']} {mine['batch_size']}, "
                  f"{mine['verdict']}{lattice['']}) of {best:.3f}; {sizes}", flush=True)  # fmt: skip
            if asked.json:
                with open(asked.json, "w") as file:
                    json.dump(found, file, indent=1)


if __name__ == "__main__":
    main()
