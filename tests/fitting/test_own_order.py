"""The order of patterns and the cooling of steps, given by a sampler and a schedule of one's own."""

import jax
import numpy as np
import pytest
from jax.sharding import Mesh

import problems
import ptychograd as pg
from ptychograd.data.dataset import StreamFromFile
from ptychograd.data.files import read, write
from ptychograd.fitting.epoch import AXES, Asked, Resident
from ptychograd.fitting.epoch.streamed import Streamed


class Along(pg.fitting.AbstractSampler):
    """Along the scan, from another pattern in every epoch."""

    def order(self, numbers, draw):
        return np.roll(numbers, draw.random.integers(len(numbers)))


class Clusters(pg.fitting.AbstractSampler):
    """Batches of neighbours, in random order."""

    batch_size: int

    def order(self, numbers, draw):
        batches = np.array_split(numbers, -(-len(numbers) // self.batch_size))
        return np.concatenate([batches[k] for k in draw.random.permutation(len(batches))])


class Repeating(pg.fitting.AbstractSampler):
    def order(self, numbers, draw):
        return np.where(numbers == numbers[3], numbers[2], numbers)


class Short(pg.fitting.AbstractSampler):
    def order(self, numbers, draw):
        return numbers[:-2]


class Strange(pg.fitting.AbstractSampler):
    def order(self, numbers, draw):
        return numbers / 2


class Linear(pg.fitting.AbstractSchedule):
    def cooling(self, done, last):
        return done / last


class Percent(pg.fitting.AbstractSchedule):
    def cooling(self, done, last):
        return 100 * done / last


def order_of(plan):
    """Numbers of the patterns as they are used, without what fills batches up."""
    return plan.number[plan.weight > 0]


def asked(sampler, batch_size=8, mesh=None):
    return Asked(1, batch_size, mesh, np.dtype(np.float32), sampler)


def test_batches_are_what_the_sampler_says(data):
    plan = Resident(data, asked(Clusters(8))).plan(5, 3, 9)
    assert sorted(order_of(plan)) == list(range(data.count))
    rows = [row[weight > 0] for row, weight in zip(plan.number, plan.weight, strict=True)]
    assert all((np.diff(row) == 1).all() for row in rows)
    assert list(order_of(plan)) != list(range(data.count))


def test_the_same_seed_and_epoch_give_the_same_order_and_others_another(data):
    feed = Resident(data, asked(Along()))
    first, *others = (order_of(feed.plan(*at, 9)) for at in ((5, 3), (5, 3), (5, 4), (6, 3)))
    assert np.array_equal(first, others[0])
    assert not np.array_equal(first, others[1])
    assert not np.array_equal(first, others[2])


def test_each_share_of_several_devices_has_its_own_order(data):
    mesh = Mesh(np.array(jax.devices()[:2]).reshape(2, 1), AXES)
    plan = Resident(data, asked(Along(), mesh=mesh)).plan(0, 0, 9)
    assert sorted(order_of(plan)) == list(range(data.count))
    for half, numbers in enumerate(np.split(plan.number, 2, axis=1)):
        used = numbers[np.split(plan.weight, 2, axis=1)[half] > 0]
        assert sorted(used) == list(np.arange(28) + 28 * half)
        assert np.count_nonzero(np.diff(used) != 1) <= 1  # around the end once


def test_patterns_in_their_file_come_in_the_same_order(data, tmp_path):
    path = tmp_path / "scan.h5"
    write(path, data)
    stored = read(path, keep=StreamFromFile(0, 20 * data.patterns[0].nbytes))
    feed = Streamed(stored, stored.patterns, asked(Along(), batch_size=6))
    blocks = feed.blocks(5, 3, data.count)
    assert len(blocks) > 1
    used = np.concatenate([block.numbers[0][block.orders[0]] for block in blocks])
    assert np.array_equal(used, order_of(Resident(data, asked(Along())).plan(5, 3, 9)))
    for block in blocks:  # read from the first to the last
        assert (np.diff(block.numbers[0][: len(block.orders[0])]) > 0).all()
    feed.close()


@pytest.mark.parametrize(
    ("sampler", "sentence"),
    [
        (
            Repeating(),
            r"Repeating repeats 1 \(pattern 2, ...\), leaves out 1 \(pattern 3, ...\) of 56 patterns;",
        ),
        (Short(), r"The sampler Short leaves out 2 \(pattern 54, ...\) of 56 patterns"),
        (Strange(), r"The sampler Strange gives float64\[56\]; expected the numbers of 56 patterns"),
    ],
    ids=["repeating", "short", "strange"],
)
def test_an_order_that_is_none_is_refused_before_anything_is_compiled(data, sampler, sentence):
    with pytest.raises(pg.InputError, match=sentence):
        pg.reconstruct(problems.start_model(data), data, pg.Nesterov(), epochs=1, batch_size=8, sampler=sampler)


def test_a_run_goes_on_in_its_own_order_alone(data, tmp_path):
    model, options = problems.start_model(data), {"batch_size": 14, "planned": 2, "schedule": Linear()}
    whole = pg.reconstruct(model, data, pg.Nesterov(), epochs=2, sampler=Along(), **options)
    pg.reconstruct(model, data, pg.Nesterov(), epochs=1, sampler=Along(), **options).save(tmp_path / "begun.h5")
    begun = pg.load(tmp_path / "begun.h5")
    assert begun.settings["sampler"] == "Along()"
    assert begun.settings["schedule"] == "Linear()"
    ended = pg.reconstruct(model, data, pg.Nesterov(), epochs=1, sampler=Along(), resume=begun, **options)
    assert np.array_equal(ended.object, whole.object)
    with pytest.raises(
        pg.InputError, match=r'in the order of "Along\(\)", and this run in that of "Shuffled\(\)"; give'
    ):
        pg.reconstruct(model, data, pg.Nesterov(), epochs=1, resume=begun, **options)


@pytest.mark.slow
def test_a_run_of_stages_takes_its_sampler_and_schedule_along(data):
    stages = (pg.Stage(1), pg.Stage(1, noise=pg.Poisson()))
    run = pg.Run(problems.start_model(data), data, pg.Nesterov(), stages, 14, sampler=Along(), schedule=Linear())
    settings = pg.perform(run).settings
    assert (settings["sampler"], settings["schedule"]) == ("Along()", "Linear()")
    assert run.summary["sampler"] == "Along()"
    assert "sampler" not in run._replace(sampler=pg.fitting.Shuffled()).summary


def test_a_schedule_is_asked_at_both_ends_of_an_epoch(data):
    feed = Resident(data, asked(Along())._replace(schedule=Linear()))
    assert feed.plan(0, 2, 8).cool == pytest.approx(np.linspace(2 / 8, 3 / 8, 7))
    late = Resident(data, asked(Along())._replace(schedule=pg.fitting.LateCooling(0.5)))
    assert late.plan(0, 2, 8).cool.max() == 0
    assert late.plan(0, 7, 8).cool[-1] == 1


def test_a_schedule_that_is_none_is_refused(data):
    with pytest.raises(pg.InputError, match=r"Percent gives 50.0 after 1 of 2 epochs; expected a number from 0"):
        pg.reconstruct(problems.start_model(data), data, pg.Nesterov(), epochs=2, batch_size=8, schedule=Percent())
    with pytest.raises(pg.InputError, match="Full steps for 1 of the epochs"):
        pg.fitting.LateCooling(1.0)
