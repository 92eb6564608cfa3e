"""What options need beside them, so that none is ignored without a word."""

from collections.abc import Collection, Iterator
from dataclasses import fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from ptychograd.cli.asked import Effects
from ptychograd.core.errors import InputError
from ptychograd.physics import paths

if TYPE_CHECKING:
    from ptychograd.cli.options import Options

REFINE = "--refine"


class Need(NamedTuple):
    """An option, the others of which it needs at least one, and what it is for."""

    option: str
    others: tuple[str, ...]
    what: str


PLACES = tuple(f"{REFINE} {path}" for path in paths.CORRECTING.values())
READ = ("--noise poisson-gaussian", "--noise gaussian")
NEEDS = (
    Need("--lines", ("--bandwidth",), "the wavelengths that stand for a Gaussian spectrum"),
    Need(
        "--numerical-aperture",
        ("--aberration", f"{REFINE} {paths.ABERRATIONS}"),
        "the pupil over which the aberrations are given",
    ),
    Need("--reach", PLACES, "how far refined positions may move"),
    Need("--background-image", (f"{REFINE} {paths.BACKGROUND}",), "a background that is found for every pixel"),
    Need("--readout", READ, "noise of reading a pixel, in photons rms"),
    *(Need(noise, ("--readout",), "noise of reading a pixel, in photons rms") for noise in READ),
    Need("--slice-distance", ("--slices",), "a thick object: 2 slices or more, and the metres between them"),
    Need("--slices", ("--slice-distance",), "a thick object: 2 slices or more, and the --slice-distance, in metres"),
    Need("--prior slices", ("--slices",), "neighbouring slices of a thick object"),
    Need(f"{REFINE} {paths.SPECTRUM}", ("--spectrum", "--bandwidth"), "the shares of the lines of a spectrum"),
    Need("--refine-after", (REFINE,), "the epochs before the parameters of --refine are refined"),
)
NOT_SIMULATED = {
    "--reach": "positions that `reconstruct` refines; simulated ones take all the room that --jitter asks for",
    "--background-image": "`reconstruct`; a simulated background is the same everywhere",
}


def check_needs(options: "Options") -> None:
    """Refuse the first option that would do nothing, as what it needs is not there."""
    for path in options.refine or ():
        _check_name(path)
    given = {*_given(options.effects), *(f"--noise {name}" for name in (options.noise,) if name)}
    given |= {f"{REFINE} {path}" for path in options.refine or ()} | {REFINE for _ in options.refine or ()}
    given |= {f"--prior {text.partition('=')[0].strip()}" for text in options.prior or ()}
    _check(given if options.refine_after is None else {*given, "--refine-after"})


def _check_name(path: str) -> None:
    """Refuse a name that is not among those that can be refined here, and say the nearest that is."""
    if path in paths.REFINABLE:
        return
    near = get_close_matches(path, paths.REFINABLE, 1, 0.5)
    meant = f"; did you mean {near[0]}?" if near else "."
    raise InputError(f'--refine "{path}" is unknown{meant} Parameters are: {", ".join(paths.REFINABLE)}.')


def check_simulated(noise: str, effects: Effects) -> None:
    """The same of a simulation, which has no start and refines nothing."""
    given = {*_given(effects), f"--noise {noise}"}
    for option, what in NOT_SIMULATED.items():
        if option in given:
            raise InputError(f"{option} is for {what}.")
    _check(given, simulated=True)


def _check(given: Collection[str], simulated: bool = False) -> None:
    for option, others, what in NEEDS:
        if option in given and not any(_is_there(other, given) for other in others):
            possible = [other for other in others if not (simulated and other.startswith(REFINE))]
            raise InputError(f"{option} needs {' or '.join(possible)} beside it: it is for {what}.")


def _is_there(option: str, given: Collection[str]) -> bool:
    """Whether an option is given; a parameter is refined under the name of its parents too."""
    from ptychograd.core.parameters import matches

    name, _, path = option.partition(" ")
    if name != REFINE or not path:
        return option in given
    return any(matches(path, other.removeprefix(f"{REFINE} ")) for other in given if other.startswith(f"{REFINE} "))


def without_effect(options: "Options", used: Collection[str]) -> list[str]:
    """Options that are given, as `--epochs`, and are not among those `used`, by the names of their fields."""
    from ptychograd.cli.options import Options

    plain = Options()
    given = [field.name for field in fields(Options) if getattr(options, field.name) != getattr(plain, field.name)]
    named = [f"--{name.replace('_', '-')}" for name in given if name not in ("effects", "allow_masked", *used)]
    return [*named, *(option for option in _given(options.effects) if _field(option) not in used)]


def _field(option: str) -> str:
    return option.removeprefix("--").replace("-", "_")


def _given(effects: Effects) -> Iterator[str]:
    """The options that are not as they are by themselves."""
    for field in fields(Effects):
        if getattr(effects, field.name) != field.default:
            yield f"--{field.name.replace('_', '-')}"
