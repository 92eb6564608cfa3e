"""What judges a run, what is kept of it, and where it computes."""

from typing import Annotated, Literal

from pydantic import PlainValidator, WithJsonSchema

from ptychograd.runs.plan.fields import Devices, File, Real, Section, Whole, about
from ptychograd.runs.plan.quantities import Bytes, quantity


def _every(value: object) -> object:
    """A whole number of epochs, a time as "10 min", or "never"."""
    if value == "never" or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    try:
        if isinstance(value, str) and not value.strip().replace(".", "").isdigit() and quantity(value, "s") >= 0:
            return value
    except ValueError:
        pass
    raise ValueError(f'"{value}" can\'t be read; expected epochs, as 10, or time, as 30s, 5min or 2h; 0 for never')


Every = Annotated[object, PlainValidator(_every), WithJsonSchema({"type": ["integer", "string"]})]


MOST_HELD_OUT = 0.5  # of the patterns


class ValidationSection(Section):
    """What judges the run."""

    hold_out: Real | None = about(
        "Share of the patterns (of a crystal, whole rocking curves) that is not fitted, as 0.05, at most 0.5; their "
        "R-factor tells noise from detail. By default 0, and 0.05 where positions are refined, which the held-out "
        "patterns judge; with 0 nothing judges them.",
        least=0,
        most=MOST_HELD_OUT,
    )
    position_search: bool = about("Positions that are refined are searched farther than a gradient reaches.", True)
    position_test: bool = about("Refined positions are judged by held-out patterns, and taken back if they lose.", True)


class OutputSection(Section):
    """What is kept, and when the run ends before its time."""

    result: File | None = about(
        "The result file, with data.each a folder; by default DATA_result.h5 in the working folder."
    )
    checkpoint_every: Every = about(
        "How often the result so far is saved: after so many epochs, as 10, or so much time, as 30s, 5min or 2h; never "
        "with 0.",
        "10min",
    )
    stop_after: Whole | None = about("End after this epoch; `resume` goes on from there.", least=1)


class MachineSection(Section):
    """Where to compute."""

    devices: Devices = about(
        "How many devices share every batch: cores of a CPU, or accelerators. By default all.", "all"
    )
    memory: Bytes | None = about(
        "The most that patterns may take, as 4GB; more stay in their file and are read block by block. By default 40 % "
        "of what is free.",
        above=0,
    )
    precision: Literal["single", "double"] = about("Precision of all arithmetic.", "single")
    deterministic: bool = about(
        "Sums in the same order on a GPU too, which is slower; on a CPU they always are.", False
    )
    gpu_memory: Real | None = about(
        "Share of a GPU's memory that may be taken, from 0 to 1; by default JAX's, 0.75.", above=0, most=1
    )
    coordinator: str | None = about(
        "Of several processes: HOST:PORT of the first one, which all can reach. Under Slurm's srun and Open MPI's "
        "mpirun coordinator, processes and rank are known and need not be given."
    )
    processes: Whole | None = about("Of several processes: how many there are.", least=1)
    rank: Whole | None = about("Of several processes: the number of this one; number 0 writes the result.", least=0)
