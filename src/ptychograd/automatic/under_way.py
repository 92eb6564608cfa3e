"""What the results of an automatic run tell of it, so that one that was interrupted can go on."""

from collections.abc import Mapping, Sequence

from ptychograd.automatic.budget import Tried

AUTO = "auto"  # where it stands in the settings of a result
UNDER_WAY = "under_way"  # there: that there was more to do


def under_way(notes: Sequence[str], tried: Sequence[Tried], is_under_way: bool = True) -> dict[str, dict]:
    """For the settings of a result: notes and the table of what was tried, and whether there is more to do."""
    table = {"notes": list(notes), "tried": [one.summary for one in tried]}
    return {AUTO: table | ({UNDER_WAY: True} if is_under_way else {})}


def is_under_way(settings: Mapping) -> bool:
    """Whether the result with these settings is of an automatic run that has more to do."""
    return bool(settings.get(AUTO, {}).get(UNDER_WAY, False))
