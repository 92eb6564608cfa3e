"""What every run says of its data unasked: one warning for what is plainly wrong, none for what is sound."""

import inspect
import warnings
from dataclasses import replace

import numpy as np
import pytest

import bragg_problems
import near_problems
import problems
import ptychograd as pg
from ptychograd.data.checks.always import plainly_wrong


def changed(change, **items):
    """The small scan with its patterns changed, as float64."""
    data = problems.measurement(dtype=np.uint32)
    return pg.make_dataset(
        change(data.patterns.astype(float)),
        data.positions,
        probe=data.probe,
        source="scan.h5",
        allow_masked=True,
        **items,
    )


def columns(value):
    def change(patterns):
        patterns[:, :, 5:7] = value
        return patterns

    return change


def full(level):
    return lambda patterns: patterns.clip(None, level)


def rolled(axes):
    return lambda patterns: np.roll(patterns, [patterns.shape[axis] // 2 for axis in axes], axes)


FEW = np.zeros(problems.FRAME, bool)
FEW[8:12, 7:10] = True


def dark(patterns):
    patterns[[3, 8]] = 0
    return patterns


def without_light(patterns):
    patterns[:, :, 9:11] = 0
    return patterns


def frozen_in_light(patterns):
    """One pixel, and a pair, at a number that others show as well."""
    for pixel in ((9, 8), (11, 10), (11, 11)):
        patterns[(slice(None), *pixel)] = np.floor(np.median(patterns[(slice(None), *pixel)]))
    return patterns


TROUBLES = {
    "one number in full light": (frozen_in_light, {}, "in every pattern: (y, x) = (9, 8), (11, 10), (11, 11)"),
    "columns that count nothing": (without_light, {}, "pixels counted nothing in any pattern, in the midst of light"),
    "patterns without a photon": (dark, {}, "2 patterns without a photon: number 3, 8: leave them out"),
    "nearly everything masked": (lambda p: p, {"mask": FEW}, "97% of the pixels are masked"),
    "full in every pattern": (full(300), {}, "or give `model.detector.saturation=300`"),
    "amplitudes": (np.sqrt, {}, "square the patterns"),
    "amplitudes in single precision": (lambda p: np.sqrt(p).astype(np.float32), {}, "square the patterns"),
    "logarithms": (np.log1p, {}, "e to the power"),
    "logarithms to the base 10": (lambda p: np.log10(p + 1).astype(np.float32), {}, "10 to the power"),
    "logarithms to the base 2": (lambda p: np.log2(p + 1), {}, "2 to the power"),
    "zero frequency in a corner": (rolled((1, 2)), {}, "fftshift"),
    "one axis rolled": (rolled((2,)), {}, "fftshift"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_is_plainly_wrong_is_found(trouble):
    change, items, text = TROUBLES[trouble]
    found = list(plainly_wrong(changed(change, **items)))
    assert len(found) == 1, found
    assert text in f"{found[0].found}: {found[0].advice}"


def test_a_position_astray_is_found():
    data = problems.measurement(truth=None)
    places = data.positions.copy()
    places[5, 0] += 60 * np.ptp(places[:2])
    (found,) = plainly_wrong(replace(data, positions=places))
    assert "1 position more than 4 steps from any other: number 5" in found.found


def test_patterns_that_are_held_out_are_not_dark():
    fitted, held = pg.hold_out(problems.measurement(truth=None), 0.2)
    assert not [*plainly_wrong(fitted), *plainly_wrong(held)]


@pytest.mark.parametrize(("pixels", "is_subtracted"), [(np.s_[:, :, 5], False), (np.s_[::2, :, 5], True)])
def test_gaps_of_minus_one_are_no_background_that_was_subtracted(pixels, is_subtracted):
    def change(patterns):
        patterns[pixels] = -1
        return patterns

    (found,) = (one for one in pg.diagnose(changed(change)) if one.name == "photon scale")
    assert ("background was subtracted" in found.advice) == is_subtracted


def test_patterns_that_are_alike_have_no_broken_pixels():
    """Without noise, a weak sample leaves many whole numbers as they are."""
    data = problems.measurement(dtype=np.uint32)
    for swing in (0.003, 0.02, 0.1):
        rng = np.random.default_rng(1)
        alike = data.patterns.mean(axis=0) * (1 + swing * rng.uniform(-1, 1, data.patterns.shape))
        weak = pg.make_dataset(np.round(alike), data.positions, probe=data.probe)
        assert not [one for one in plainly_wrong(weak) if "in every pattern" in one.found], swing


def test_a_full_middle_is_not_broken_beside_markers_that_are_larger():
    """Pixels at the largest number that photons reach are full."""
    data = problems.measurement(dtype=np.uint32)
    patterns = data.patterns.clip(None, np.uint32(np.quantile(data.patterns.max(axis=0), 0.9)))
    patterns[:, 2:4, 2:4] = 65535
    (found,) = plainly_wrong(pg.make_dataset(patterns, data.positions, probe=data.probe))
    assert "or give `model.detector.saturation=" in found.advice


def bright(patterns):
    """Every value so large that its square is whole within what is asked of counts."""
    return patterns * 1.37e3 + 300.123


SOUND = {
    "counts": lambda: problems.measurement(),
    "few counts": lambda: problems.measurement(photons=20),
    "counts as float32": lambda: changed(lambda p: p.astype(np.float32)),
    "counts with a gain": lambda: changed(lambda p: 0.37 * p),
    "without noise": lambda: changed(lambda p: np.abs(np.sin(np.arange(p.size))).reshape(p.shape) * 1e3 + p),
    "large numbers that are not whole": lambda: changed(bright),
    "a beam stop": lambda: changed(lambda p: p, mask=pg.data.beam_stop(problems.FRAME, 3.0)),
    "half masked": lambda: changed(lambda p: p, mask=np.arange(problems.FRAME[1]) > 9 + np.zeros((20, 1))),
    "all patterns alike": lambda: changed(lambda p: np.full(p.shape, 1e3)),
    "light everywhere": lambda: changed(lambda p: np.random.default_rng(0).poisson(50, p.shape)),
    "four patterns": lambda: pg.data.subset(problems.measurement(), range(4)),
    "one pattern": lambda: pg.data.subset(problems.measurement(), [7]),
    "held out": lambda: pg.hold_out(problems.measurement(), 0.1)[1],
    "not held out": lambda: pg.hold_out(problems.measurement(), 0.1)[0],
    "turned": lambda: pg.data.apply_orientation(problems.measurement(), 6),
    "near field": lambda: near_problems.measurement(),
    "near field without noise": lambda: near_problems.measurement(noise=False),
    "crystal": lambda: bragg_problems.measurement(),
}


@pytest.mark.parametrize("kind", SOUND)
def test_of_sound_data_nothing_is_said(kind):
    assert not list(plainly_wrong(SOUND[kind]()))


def test_pixels_known_to_be_full_are_not_spoken_of():
    data = changed(full(300))
    assert not list(plainly_wrong(data, full=300.0))
    assert list(plainly_wrong(data, full=400.0))


def run_of(data, epochs=(1, 1), noise=None):
    stages = tuple(pg.Stage(count, noise=noise or pg.Amplitude()) for count in epochs)
    return pg.Run(problems.start_model(data), data, pg.Nesterov(), stages, 12)


def told(action):
    """The warnings about data that an action gives, as a person sees them by default."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        action()
    return [entry for entry in caught if entry.category is pg.DataWarning]


@pytest.mark.slow
def test_a_run_warns_once_and_names_the_caller():
    data, perform = changed(np.sqrt), inspect.unwrap(pg.perform)  # without what the tests put around it
    entries = told(lambda: perform(run_of(data)))
    assert [entry.filename for entry in entries] == [__file__]
    assert str(entries[0].message).startswith("scan.h5: the squares of the values are whole numbers")
    assert not told(lambda: pg.perform(run_of(data)))
    other = changed(np.sqrt)
    fitted, held = pg.hold_out(other, 0.1)
    assert len(told(lambda: [pg.perform(run_of(part, (1,))) for part in (fitted, *pg.data.halves(other))])) == 1
    assert not told(lambda: pg.r_factor(problems.start_model(data), held))
    assert not told(lambda: pg.perform(run_of(problems.measurement())))


@pytest.mark.slow
def test_a_sweep_and_the_trial_of_orientations_warn_once():
    data, same, once_more = (changed(np.sqrt) for _ in range(3))
    points = {"object": [0.01, 0.02, 0.03]}

    def run(point, data=data):
        return run_of(data, (1,))._replace(solver=pg.adam({"object": point["object"], "probe": 1.0}))

    assert len(told(lambda: pg.sweep(run, points))) == 1
    assert not told(lambda: pg.sweep(run, points))
    assert len(told(lambda: pg.sweep(lambda point: run(point, same), points, at_once=3))) == 1
    assert len(told(lambda: pg.automatic.try_orientations(once_more, epochs=1))) == 1


@pytest.mark.slow
def test_a_censored_noise_knows_of_full_pixels():
    data = changed(full(300))
    assert told(lambda: pg.perform(run_of(data, (1,))))
    assert not told(lambda: pg.perform(run_of(data, (1,), pg.noise.Censored(pg.Poisson(), 300.0))))


@pytest.mark.slow
def test_what_can_give_no_result_is_refused():
    data = problems.measurement()
    still = replace(data, positions=np.full_like(data.positions, 3.0))
    with pytest.raises(pg.InputError, match="All 56 positions of memory are the same" if data.count == 56 else "same"):
        pg.perform(run_of(still))
    with pytest.raises(pg.InputError, match="are the same"):
        pg.automatic.try_orientations(still, epochs=1)
    dark = replace(data, patterns=np.zeros_like(data.patterns))
    with pytest.raises(pg.InputError, match="not one photon"):
        pg.perform(run_of(data)._replace(data=dark))
    pg.perform(run_of(pg.data.subset(still, [0]), (1,))._replace(batch_size=1))  # of one pattern nothing can move


def test_physics_of_ones_own_may_have_any_positions():
    """Positions are dummies, and the zero frequency may be where that physics has it."""

    class Constant(pg.AbstractModel):
        level: object

        def __call__(self, index):
            return self.level

    import jax.numpy as jnp

    patterns = np.fft.ifftshift(problems.measurement().patterns, axes=(1, 2))
    data = pg.make_dataset(patterns, np.zeros((len(patterns), 2)))
    start = Constant(jnp.asarray(patterns.mean(axis=0) + 1.0, jnp.float32))
    run = pg.Run(start, data, pg.adam({"level": 0.1}), (pg.Stage(1, ("level",)),), 8)
    assert not told(lambda: pg.perform(run))


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [("reconstruct", "--devices", 1), ("sweep", "--grid", "model.detector.background=0,1")]
)
def test_commands_say_it_in_one_line(run, command):
    pg.write("scan.h5", changed(np.sqrt))
    status, _, err = run(command[0], "scan.h5", *command[1:], "--epochs", 2)
    lines = [line for line in err.splitlines() if "square the patterns" in line]
    assert lines == [
        "ptychograd: warning: scan.h5: the squares of the values are whole numbers: they are square roots of counts: "
        "square the patterns."
    ]
    assert status == 0, err


@pytest.mark.parametrize("grows", [False, True])
def test_patterns_in_their_file_are_looked_at_too(tmp_path, grows):
    for name, change, count in (("bad.h5", np.sqrt, 1), ("sound.h5", lambda p: p, 0)):
        pg.write(tmp_path / name, changed(change))
        data = pg.read(tmp_path / name, keep=pg.data.StreamFromFile(0, 10_000, grows=grows))
        parts = (data,) if grows else (data, *pg.hold_out(data, 0.2), *pg.data.halves(data))
        assert [len(list(plainly_wrong(part))) for part in parts] == [count] * len(parts)
