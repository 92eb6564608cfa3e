"""With what a run begins whose scan was followed while it was written."""

import numpy as np
import pytest

import problems
import ptychograd as pg
from ptychograd.fitting.result import History, Result
from ptychograd.runs.following import start_of_run


def scan(photons):
    """Patterns of a bump, which differ by nothing but the noise of so many photons a pixel."""
    rng = np.random.default_rng(0)
    y, x = np.indices((13, 18))
    counts = rng.poisson(photons * np.exp(-((y - 5) ** 2 + (x - 8) ** 2) / 40), (80, 13, 18))
    return pg.make_dataset(counts, rng.uniform(0, 40, (80, 2)))


@pytest.fixture(scope="module")
def meanwhile():
    """What was reconstructed while the scan was written."""
    return Result({}, {}, History.empty(), {})._replace(model=problems.start_model(problems.measurement()))


def test_where_photons_are_few_it_begins_with_its_own_start(meanwhile):
    assert start_of_run(pg.Plan(), scan(0.3), meanwhile) is None


def test_else_it_goes_on_from_what_was_reconstructed(meanwhile):
    assert start_of_run(pg.Plan(), problems.measurement(), meanwhile) is meanwhile.model


def test_it_goes_on_where_you_say_the_batch(meanwhile):
    assert start_of_run(pg.Plan(fit={"batch_size": 16}), scan(0.3), meanwhile) is meanwhile.model
