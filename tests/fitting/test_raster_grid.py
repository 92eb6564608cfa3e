"""The scan's own lattice in object and probe: figures of one that was put in by hand, and of another implementation."""

import numpy as np
import pytest

import low_dose_rasters
import ptychograd as pg
from ptychograd.output.texts.verdicts import line

FRAME = (31, 28)


def scan(rows=24, columns=21, steps=((4.8, 2.1), (-1.9, 4.4)), off=0.0):
    """Positions (index, 2) from 0 on, and the reciprocal basis, b with a_i · b_j = 2π δ_ij."""
    numbers = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), -1).reshape(-1, 2)
    places = numbers @ np.array(steps)
    places += np.random.default_rng(5).uniform(-off, off, places.shape)
    return places - places.min(axis=0), 2 * np.pi * np.linalg.inv(np.array(steps)).T


def result(object, probe, places):
    """A result whose roles are these arrays."""
    corner = np.round(places).astype(int)
    roles = {"image": {"array": object}, "illumination": {"array": probe}, "positions": {"corner": corner}}
    return pg.Result({}, {}, pg.fitting.History((), (), (), ()), {}, positions=places, recorded_roles=roles)


def wave(shape, waves, depth, phases):
    """1 + 2 Σ depth cos(K·r + phase)."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    return 1 + sum(2 * depth * np.cos(k[0] * y + k[1] * x + phase) for k, phase in zip(waves, phases, strict=True))


def specimen(places, seed=0):
    """A phase object as large as the scan, with some noise in its magnitude."""
    shape = tuple(np.round(places.max(axis=0)).astype(int) + FRAME)
    y, x = np.mgrid[: shape[0], : shape[1]]
    noise = 1 + 0.01 * np.random.default_rng(seed).normal(size=shape)
    return noise * np.exp(1j * (0.3 * np.sin(y / 7) + 0.4 * np.cos(x / 5 + y / 11)))


def beam():
    y, x = np.mgrid[: FRAME[0], : FRAME[1]]
    return np.exp(-((y - 14) ** 2) / 60 - (x - 13.2) ** 2 / 50) * np.exp(0.05j * (y - 10) ** 2 + 0.2j * x)


@pytest.mark.parametrize(("turned", "in_phase"), [(0.0, 1.0), (np.pi / 2, 0.0), (np.pi, -1.0)])
def test_what_was_put_in_comes_out(turned, in_phase):
    """The windows of all positions see the object's wave at one phase: that of the probe's, or turned against it."""
    places, waves = scan()
    places += (7.3, 4.9)
    phases = [0.4, -1.1]
    at_window = [phase - k @ places[0] + turned for k, phase in zip(waves, phases, strict=True)]
    object = specimen(places)
    object *= np.sqrt(wave(object.shape, waves, 0.08, at_window))
    probe = beam() * np.sqrt(wave(FRAME, waves, 0.11, phases))
    found = pg.fitting.raster_artefact(result(object, np.stack([probe, 0.2j * probe]), places))
    assert found.object == pytest.approx(0.08, rel=0.01)  # of two waves, each of relative amplitude 0.08 / √2 · √2
    assert found.probe == pytest.approx(0.11, rel=0.03)
    assert found.in_phase == pytest.approx(in_phase, abs=0.05)
    np.testing.assert_allclose(sorted(found.periods), sorted(2 * np.pi / np.linalg.norm(waves, axis=1)), rtol=1e-6)
    assert found.prominence > 5000
    assert found.is_there == (turned == 0)


def test_figures_are_those_of_a_brute_force_transform():
    """The mean of what all windows see of the object holds what repeats with the scan, at its phase in the window."""
    rng = np.random.default_rng(3)
    places, waves = scan(30, 26, ((4.0, 0.0), (0.0, 5.0)))
    object = specimen(places) * np.sqrt(wave(specimen(places).shape, waves, 0.05, (2.2, -0.3)))
    object += 0.2 * rng.normal(size=object.shape)
    probe = beam() + 0.05 * (rng.normal(size=FRAME) + 1j * rng.normal(size=FRAME))
    seen = np.zeros((20, 20))  # whole periods of both steps
    for y, x in places.astype(int):
        seen += np.abs(object[y : y + 20, x : x + 20]) ** 2 / len(places)
    in_object, in_probe = [], []
    for k in waves:
        in_object.append(sum(seen[u] * np.exp(-1j * (k @ u)) for u in np.ndindex(20, 20)) / seen.sum())
        photons = sum(abs(probe[u]) ** 2 for u in np.ndindex(FRAME))
        in_probe.append(sum(abs(probe[u]) ** 2 * np.exp(-1j * (k @ u)) for u in np.ndindex(FRAME)) / photons)
    found = pg.fitting.raster_artefact(result(object, probe, places))
    assert found.probe == pytest.approx(np.sqrt(np.mean(np.abs(in_probe) ** 2)), rel=1e-6)
    assert found.object == pytest.approx(np.sqrt(np.sum(np.abs(in_object) ** 2) / 2), rel=0.1)
    overlap = np.vdot(in_probe, in_object).real / np.linalg.norm(in_object) / np.linalg.norm(in_probe)
    assert found.in_phase == pytest.approx(overlap, abs=0.1)


def test_a_specimen_that_is_periodic_itself_is_not_one():
    """Its lattice is in the object alone, be it exactly that of the scan."""
    places, waves = scan()
    object = specimen(places)
    object *= np.sqrt(wave(object.shape, waves, 0.15, (0.0, 0.0)))
    found = pg.fitting.raster_artefact(result(object, beam()[None], places))
    assert found.object > 0.1
    assert found.prominence > 5000
    assert not found.is_there


def test_of_slices_their_product_counts_and_of_states_their_sum():
    places, waves = scan()
    object = specimen(places)
    object *= np.sqrt(wave(object.shape, waves, 0.08, (0.0, 0.0)))
    one = pg.fitting.raster_artefact(result(object, beam(), places))
    for layers, parts in (("slices", [np.sqrt(object), np.sqrt(object)]), ("states", [0.6 * object, 0.8j * object])):
        many = result(np.stack(parts), beam(), places)
        many.recorded_roles["image"]["layers"] = layers
        assert pg.fitting.raster_artefact(many)[:4] == pytest.approx(one[:4], rel=1e-6)


@pytest.mark.parametrize("what", ["jittered", "no illumination", "no positions", "volume", "dark", "elsewhere", "fine"])
def test_without_a_lattice_there_are_no_figures(what):
    places, _ = scan(off=2.0 if what == "jittered" else 0.0)
    given = result(specimen(places), beam() * (what != "dark"), places)
    roles = dict(given.recorded_roles)
    if what == "no illumination":
        del roles["illumination"]
    if what == "no positions":
        del roles["positions"]
    if what == "volume":
        roles["image"] = {"array": np.ones((6, 6, 6)), "axes": ("x", "y", "z")}
    if what == "elsewhere":  # than the image is
        roles["image"] = {"array": specimen(places)[:9, :9]}
    if what == "fine":  # a step that the object's pixels do not resolve
        places, _ = scan(steps=((2.0, 0.0), (0.0, 2.0)))
        given = result(specimen(places), beam(), places)
        roles = given.recorded_roles
    assert pg.fitting.raster_artefact(given._replace(recorded_roles=roles)) is None


def ended(data, batch_size):
    """The result of a run whose batches are small, as few photons do not allow."""
    return pg.perform(pg.Run(pg.far_field(data), data, pg.Nesterov(momentum=0.8), (pg.Stage(30),), batch_size))


def codes(result):
    verdict = result.settings["verdict"]
    return verdict["code"], [cause["code"] for cause in verdict["causes"]]


def test_the_verdict_on_it_is_not_solved_and_the_line_says_what_to_do():
    data = low_dose_rasters.measurement(2e5, rows=9)
    good = pg.perform(pg.Run(pg.far_field(data), data, pg.fitting.EvaluateOnly(), (pg.Stage(1),), 9))
    assert "lattice" not in codes(good)[1]
    turn = low_dose_rasters.TURN
    waves = 2 * np.pi / low_dose_rasters.STEP * np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])
    phases = (-0.6, 1.9)
    place = good.corners[0] + data.positions[0] - np.round(data.positions[0])
    at_window = [phase - k @ place for k, phase in zip(waves, phases, strict=True)]
    object = np.sqrt(wave(good.object.shape, waves, 0.1, at_window)).astype(np.complex64)
    probe = good.probe * np.sqrt(wave(good.probe.shape[-2:], waves, 0.1, phases)).astype(np.complex64)
    paths = {role: good.recorded_roles[role]["array"].path for role in ("image", "illumination")}
    arrays = good.arrays | {paths["image"]: object, paths["illumination"]: probe}
    found = pg.assess(good._replace(arrays=arrays), data)
    assert (found.code, found.causes[0].code) == ("not_solved", "lattice")
    text = line(found.summary)
    assert "object and probe carry the scan's own lattice, 0.1 of the object's magnitude" in text
    assert "`fit.batch_size`" in text


@pytest.mark.slow
def test_a_run_of_few_photons_in_small_batches_ends_as_one_and_says_so():
    data = low_dose_rasters.measurement(3e3)
    assert codes(ended(data, 4))[0] == "not_solved"
    assert codes(ended(data, 4))[1][0] == "lattice"


@pytest.mark.slow
def test_in_batches_of_all_patterns_and_off_the_raster_none_grows():
    data = low_dose_rasters.measurement(3e3)
    whole = ended(data, data.count)
    assert "lattice" not in codes(whole)[1]
    assert pg.fitting.raster_artefact(whole).strength < 0.005
    jittered = ended(low_dose_rasters.measurement(3e3, off=0.6), 4)
    assert "lattice" not in codes(jittered)[1]
    assert pg.fitting.raster_artefact(jittered) is None


PERIODIC = {"phase": (0.5j, (1.0, 1.01, 1.3)), "magnitude": (0.3, (1.3, 0.5))}


@pytest.mark.slow
@pytest.mark.parametrize(("what", "period"), [(what, period) for what in PERIODIC for period in PERIODIC[what][1]])
def test_periodic_specimens_of_many_photons_are_not_mistaken_for_one(what, period):
    """Periods in steps; what repeats with the scan itself in its magnitude, no pattern can part from the probe."""
    data = low_dose_rasters.measurement(2e5, strength=0.3, repeated=(PERIODIC[what][0], period))
    assert codes(ended(data, 16))[0] in ("at_noise", "near_noise")
