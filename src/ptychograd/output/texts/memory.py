"""How much memory a run takes, part by part, in lines for a person."""

from ptychograd.runs.memory_plan import MemoryPlan, size


def memory_lines(plan: MemoryPlan) -> list[tuple[str, str]]:
    """Every part of a plan, and what it comes to."""
    lines = []
    for place, where in ((plan.host, ""), (plan.device, " on each device")):
        if place is None:
            continue
        free = "" if place.free is None else f", and {size(place.free)} are free"
        there = f"{size(place.taken)} of them are taken by now{free}" if place.taken else free.removeprefix(", and ")
        fits = "" if place.fits else " (too much)"
        lines.append((f"memory{where}", f"about {size(place.total)}{fits}; {there}"))
        lines += [(f"  {name}", size(number)) for name, number in place.parts.items()]
    return lines
