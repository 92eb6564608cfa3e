"""What each piece gains on real data, in the R-factor of patterns that were held out.

    python -m benchmarks.effects siemens-star p25

Expects the data in the folder that PTYCHOGRAD_DATA names (../shared/data unless given). What is a held-out pattern's
own (its position, intensity and weights, where others' are refined) is found from a random half of its pixels; R is
that of the other half, and the other way round.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import ptychograd as pg
from benchmarks.effects._case import Case
from ptychograd.refinement.positions import held_out_misfits

DATA = Path(os.environ.get("PTYCHOGRAD_DATA", "../shared/data"))
KEYS = {"patterns": "intensity", "positions": "position_px", "probe": "probe_guess"}
HELD, BATCH = 0.05, 16
DELAY = 5  # epochs before what is not ideal is refined
Change = Callable[[pg.Ptychography, pg.Dataset], pg.Ptychography]

PIECES: dict[str, tuple[Change, tuple[str, ...]]] = {
    "positions": (lambda model, data: model, ("scan.offset",)),
    "intensities": (lambda model, data: pg.models.with_varying_intensity(model), ("probe.intensity",)),
    "2 variations of the probe": (
        lambda model, data: pg.models.with_varying_probe(model, 2),
        ("probe.variations", "probe.weights"),
    ),
    "background": (
        lambda model, data: pg.models.with_background(model, pg.models.estimate_background(data)),
        ("detector.background",),
    ),
    "point spread": (lambda model, data: pg.models.with_point_spread(model), ("detector.point_spread.width",)),
}


def siemens_star() -> Iterator[Case]:
    """The far field of the Velociprobe."""
    data = pg.read(DATA / "siemens_star" / "siemens_star.npz", KEYS)
    yield from _table(data, pg.far_field, 60, 3, ("positions", "point spread"))


def p25() -> Iterator[Case]:
    """The near field of P25."""
    path = next((DATA / "petra_p25").glob("*.cxi"))
    data = pg.read(path, {"focus_distance": "3.65e-3"}, near_field=True)
    yield from _table(data, pg.near_field, 150, 1, ("positions",))


def _table(data: pg.Dataset, recipe: Callable, epochs: int, base: int, best: tuple[str, ...]) -> Iterator[Case]:
    """Modes alone, each piece beside the `base` modes, all of them, and the best pieces together with more modes."""
    fitted, held = pg.hold_out(data, HELD)
    sets = [(modes, ()) for modes in (1, 3, 5)] + [(base, (name,)) for name in PIECES]
    sets += [(base, tuple(PIECES)), *((modes, best) for modes in (3, 5) if (modes, best) != (base, best[:1]))]
    for modes, names in sets:
        model, paths = recipe(fitted, modes=modes), []
        for change, more in (PIECES[name] for name in names):
            model = change(model, fitted)
            paths += more
        yield _case(", ".join((f"{modes} modes", *names)), model, fitted, held, tuple(paths), epochs)


def _case(
    what: str, model: pg.Ptychography, fitted: pg.Dataset, held: pg.Dataset, paths: tuple[str, ...], epochs: int
) -> Case:
    model = pg.models.with_refinable_positions(model)
    both = ("object", "probe.modes")
    stages = (pg.Stage(DELAY, both), pg.Stage(epochs - DELAY, (*both, *paths)))
    stages = pg.runs.with_position_search(stages, fitted, model)
    result = pg.perform(pg.Run(model, fitted, pg.Nesterov(), stages, BATCH))
    figures = {"R": result.history.r_factor[-1], "held_out_R": held_out_misfits(result.onto(model), held).r_factor}
    singles = {path: result.arrays[path] for path in paths if result.arrays[path].size == 1}
    return Case(what, figures | {path: float(value) for path, value in singles.items()})


EFFECTS = {"siemens-star": siemens_star, "p25": p25}
