"""What a file holds that can't be read as data yet, and which keys it needs."""

from collections.abc import Iterator
from pathlib import Path

from ptychograd.core.errors import InputError
from ptychograd.core.table import text_table
from ptychograd.data.contents import contents
from ptychograd.runs.plan.plan import Plan
from ptychograd.runs.plan.reading import keys_of

COLUMNS = ("array", "shape", "type", "value", "unit")


def contents_lines(plan: Plan) -> Iterator[str]:
    """What the first file holds, and the keys that it needs; nothing of one that can't be opened."""
    path = Path(plan.data.paths[0])
    try:
        there = contents(path, keys_of(plan), plan.data.links_into)
    except InputError:
        return
    keys = list(there.needed())
    if not keys:
        return
    given = " ".join(f"--key {name}={key}" for name, key, _ in keys)
    yield "\n".join(text_table(COLUMNS, [one.cells for one in there.arrays]))
    yield f"\nmissing; to be given as: {given}"
    for name, _, reason in keys:
        yield f"  {name}: {f'guessed {reason}; check it' if reason else 'nothing there is called so'}"
