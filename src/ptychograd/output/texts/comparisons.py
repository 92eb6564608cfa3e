"""How far a result is from the truth, in lines for a person."""

from collections.abc import Iterator, Mapping

from ptychograd.quality.comparison import unit_of


def figure_lines(figures: Mapping[str, float]) -> Iterator[str]:
    """Every figure with its unit."""
    for name, value in figures.items():
        yield f"{name:26s} {value:.4g} {unit_of(name)}".rstrip()
