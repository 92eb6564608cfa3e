"""Pieces two by two: a pattern and finite derivatives come out, or one sentence says why they don't go together."""

from itertools import combinations, cycle, permutations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ptychograd as pg
from ptychograd.core.parameters import join, named_parameters, partition, split, trainable_names
from ptychograd.fitting.objective import Objective

FRAME, PLACE = (12, 10), 5
RNG = np.random.default_rng(7)
IMAGE = RNG.uniform(0.5, 1.5, FRAME)
KERNEL = np.array([[0.0, 0.1, 0.0], [0.1, 0.6, 0.15], [0.0, 0.05, 0.0]])
CORNERS = np.array([[3.2 * row, 2.7 * column + 0.4 * row] for row in range(3) for column in range(3)])
FAR = pg.Geometry(1e-10, 1.0, (55e-6, 60e-6))
NEAR = pg.NearFieldGeometry(1e-10, 0.02, (1e-6, 1.1e-6))
ALONG = 2e-4  # metres, from one slice to the next and of a defocus


def supported(model):
    support = np.zeros(model.object.transmission.shape[-2:], bool)
    support[2:-2, 3:-1] = True
    return pg.models.with_support(model, support)


PIECES = {
    "positions": lambda model: pg.models.with_refinable_positions(model, 2),
    "jitter": lambda model: pg.models.with_jitter(model, 0.6, 1),
    "modes": lambda model: pg.models.with_modes(model, 2),
    "variations": lambda model: pg.models.with_varying_probe(model, 2),
    "intensities": pg.models.with_varying_intensity,
    "aberrations": lambda model: pg.models.with_aberrations(model, ALONG, {6: 0.3}),
    "slices": lambda model: pg.models.with_slices(model, 2, ALONG),
    "states": lambda model: pg.models.with_object_modes(model, 2),
    "phase only": lambda model: pg.models.with_magnitude(model, pg.physics.UnitMagnitude()),
    "bounded": lambda model: pg.models.with_magnitude(model, pg.physics.BoundedMagnitude(1.0)),
    "support": supported,
    "background": lambda model: pg.models.with_background(model, 0.7),
    "background image": lambda model: pg.models.with_background(model, IMAGE),
    "background of pixels": pg.models.with_background_image,
    "spread": lambda model: pg.models.with_point_spread(model, 0.7),
    "spread image": lambda model: pg.models.with_point_spread(model, KERNEL),
    "flat field": lambda model: pg.models.with_flat_field(model, IMAGE),
    "binning": lambda model: pg.models.with_oversampling(model, 2),
    "bandwidth": lambda model: pg.models.with_bandwidth(model, 0.02, 3),
}
NOISES = (
    pg.Amplitude(),
    pg.Poisson(),
    pg.Gaussian(jnp.asarray(IMAGE, jnp.float32), 90.0),
    pg.noise.PoissonGaussian(1.5),
    pg.noise.Censored(pg.noise.PoissonGaussian(1.5), 9.0),
)
PRIORS = (pg.priors.TotalVariation(0.3), pg.priors.Tikhonov(0.3), pg.priors.Sparse(0.3, pg.priors.Pixels()))
KINDS = (
    ("positions", "jitter"),
    ("modes", "variations", "intensities", "aberrations"),
    ("slices", "states"),
    ("phase only", "bounded", "support"),
    ("background", "spread", "background of pixels", "flat field", "background image", "spread image"),
    ("binning",),
    ("bandwidth",),
)
REFUSED = {  # in either order
    frozenset(pair)
    for pair in (
        ("positions", "jitter"),
        ("variations", "aberrations"),
        ("intensities", "aberrations"),
        ("slices", "states"),
        ("phase only", "states"),
        ("bounded", "states"),
    )
}
IN_FAR_FIELDS = {frozenset(("binning", "bandwidth"))}
BACKWARDS = {("variations", "modes"), ("intensities", "modes"), ("aberrations", "modes")}
UNMOVED = {"probe.variations"}  # their weights are 0


def cases():
    """A pair for every two kinds, in which all pieces take their turn; noises and priors go round beside them."""
    turns, others = [cycle(kind) for kind in KINDS], zip(cycle(NOISES), cycle(PRIORS), strict=True)
    every = [(next(turns[one]), next(turns[other])) for one, other in combinations(range(len(KINDS)), 2)]
    far = [("far", pair) for pair in every if frozenset(pair) not in REFUSED | IN_FAR_FIELDS]
    near = [("near", pair) for pair in every[2::7] if frozenset(pair) not in REFUSED]
    return [(space, *pair, noise, prior) for (space, pair), (noise, prior) in zip(far + near, others, strict=False)]


def start(geometry):
    y, x = np.mgrid[: FRAME[0], : FRAME[1]]
    probe = np.exp(-((y - 5.3) ** 2) / 7 - (x - 4.2) ** 2 / 5 + 0.2j * x) * 20
    patterns = np.random.default_rng(2).poisson(5, (len(CORNERS), *FRAME))
    data = pg.make_dataset(patterns, CORNERS * geometry.sampling(FRAME), geometry=geometry, probe=probe)
    recipe = pg.near_field if geometry is NEAR else pg.far_field
    return recipe(data, object=pg.models.random_object(5))


@pytest.fixture(scope="module")
def starts():
    return {"far": start(FAR), "near": start(NEAR)}


def combined(model, names):
    """The model with these pieces, one after another; binning comes first, as it asks for."""
    for name in sorted(names, key=lambda name: name != "binning"):
        model = PIECES[name](model)
    return model


@pytest.mark.slow
@pytest.mark.parametrize("space", ["far", "near"])
def test_what_does_not_go_together_is_known_and_said(starts, space):
    refused = {}
    for pair in permutations(PIECES, 2):
        try:
            combined(starts[space], pair)
        except pg.InputError as problem:
            refused[pair] = str(problem)
    both = {frozenset(pair) for pair in refused if pair[::-1] in refused}
    assert both == REFUSED | (IN_FAR_FIELDS if space == "far" else set())
    assert {pair for pair in refused if frozenset(pair) not in both} == BACKWARDS
    assert all("can't" in text or "already" in text for text in refused.values())


@pytest.mark.variants
@pytest.mark.parametrize(("space", "one", "other", "noise", "prior"), cases(), ids=lambda part: str(part).split("(")[0])
def test_two_pieces_give_a_pattern_and_derivatives(starts, space, one, other, noise, prior):
    """By everything that could be refined; 0 only where a start of 0 stands in another's way."""
    model = combined(starts[space], (one, other))
    free, rest = partition(model, trainable_names(model))
    objective, counts = Objective(rest, noise), np.random.default_rng(3).poisson(5, FRAME).astype(np.float32)

    def loss(planes):
        found = objective.model(planes)(jnp.array(PLACE))
        array, misfit = named_parameters(join(planes))["object.transmission"], noise.nll(found, jnp.asarray(counts))
        return jnp.sum(misfit) + prior(array, jnp.asarray(3.0)), found

    slopes, expected = jax.jit(jax.grad(loss, has_aux=True))(split(free))
    assert expected.shape == FRAME
    assert expected.dtype == jnp.float32
    assert np.isfinite(expected).all()
    assert float(expected.sum()) > 0
    for name, slope in named_parameters(slopes).items():
        arrays = [np.asarray(plane) for plane in jax.tree.leaves(slope)]
        assert all(np.isfinite(array).all() for array in arrays), name
        assert any(array.any() for array in arrays) != (name in UNMOVED), name
