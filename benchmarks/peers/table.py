"""What was found as Markdown: for each data set and peer the best of its settings."""

from benchmarks.peers.runs import with_times


def best_of(runs: list[dict], smaller: bool) -> dict:
    """The setting that reached the target first, or else came nearest."""
    reached = [run for run in runs if run["seconds"] is not None]
    if reached:
        return min(reached, key=lambda run: run["seconds"])
    return min(runs, key=lambda run: run["best"] if smaller else -run["best"])


def table(content: dict) -> str:
    """Tables for docs/benchmarks.md, with versions, and what was left out."""
    where = content["machine"]
    lines = [f"{where['processor']}, one core; Python {where['python']}, JAX {where['jax']}."]
    for one in content["sets"].values():
        if one["runs"]:
            all_runs, smaller = with_times(one["runs"], one["within"]), one["within"] > 1
            lines += ["", f"**{one['name']}**, {' x '.join(map(str, one['patterns']))}: {one['figure']}.", ""]
            to = f"to {all_runs[0]['target']:.4g}, {one['within']:g} x the best: seconds, epochs"
            columns = ("package", "best of its settings", to, "ms an epoch", "best, after epochs")
            lines += [f"| {' | '.join(columns)} |", "|---|---|---|---|---|"]
            for peer in dict.fromkeys(run["peer"] for run in all_runs):
                runs = [run for run in all_runs if run["peer"] == peer]
                run = best_of(runs, smaller)
                there = "not" if run["seconds"] is None else f"{run['seconds']:.2f}, {run['reached']}"
                cells = (f"{peer} {run['version']}", f"{run['setting']} (of {len(runs)})", there)
                cells += (f"{1e3 * run['epoch']:.1f}", f"{run['best']:.4f}, {run['best after']}")
                lines.append(f"| {' | '.join(cells)} |")
        lines += ["", *(f"- {what}: {' '.join(why.split())[-300:]}" for what, why in one["left out"].items())]
    return "\n".join(lines).rstrip() + "\n"
