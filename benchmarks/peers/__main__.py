"""Other packages beside this one, on the same arrays, in one run.

    python -m benchmarks.peers --install                        an environment for each peer, 14 GB in all
    python -m benchmarks.peers --out FOLDER [--measured ../shared/data] [--core 0]
    python -m benchmarks.peers --out FOLDER --small             every peer once on small arrays
    python -m benchmarks.peers --table FOLDER/peers.json        what was found, for docs/benchmarks.md

Each peer is run by the interpreter of its own environment on one core, one setting after another, each from the same
start and on the same arrays. Its object and probe are judged by the same code as those of everybody. Time is epochs
times the slowest of the fastest tenth of its epochs, so that compilation and what else the machine does count for none.
`peers.json` is written anew after each run. What can't be run is named with the reason.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np

from benchmarks.peers.environments import PEERS, Missing, install
from benchmarks.peers.problems import PROBLEMS, Problem
from benchmarks.peers.runs import found, on_one_core, settings
from benchmarks.peers.table import table
from ptychograd.runs.benchmark import machine

SECONDS = 60  # of epochs, after which a run is ended
LOOKS = 60  # at most, at what a run has found


def run_one(name: str, problem: Problem, path: Path, setting: str, options) -> dict:
    """One setting of one peer on one data set."""
    epochs = options.epochs or (4 if options.small else problem.epochs)
    there = found(name, path, setting, epochs, max(1, epochs // LOOKS), options.seconds)
    judged = [problem.judge(*pair) for pair in zip(there["objects"], there["probes"], strict=True)]
    lists = {"numbers": there["numbers"].tolist(), "errors": judged, "times": there["seconds"].tolist()}
    return {"peer": name, "version": str(there["version"])} | lists


def compare(options) -> dict:
    """All settings of all peers on all data sets."""
    options.out.mkdir(parents=True, exist_ok=True)
    on_one_core(options.core)
    content: dict = {"machine": machine(), "core": options.core, "sets": {}}
    versions: dict[str, list[str]] = {}
    missing: dict[str, str] = {}
    for name in options.peers:
        try:
            versions[name] = settings(name)
        except Missing as reason:
            missing[name] = str(reason)
    for key in options.sets:
        told = content["sets"][key] = {"runs": [], "left out": dict(missing)}
        try:
            problem = PROBLEMS[key](options.out, options.measured, options.small)
        except FileNotFoundError as reason:
            told["left out"][key] = str(reason)
            continue
        told |= {"name": problem.name, "figure": problem.figure, "within": problem.within}
        told |= {"patterns": list(problem.arrays["patterns"].shape)}
        content["sets"][key] = told
        for hold in sorted({problem.hold, 0}, reverse=True):
            path = options.out / f"{key}-{hold}.npz"
            np.savez(path, hold=hold, **problem.arrays)
            for name, names in versions.items():
                for setting in names[:1] if options.small else names:
                    text = f"{setting}, probe held for {hold} epochs" if hold else setting
                    try:
                        told["runs"].append(run_one(name, problem, path, setting, options) | {"setting": text})
                        last = told["runs"][-1]
                        line = f"{min(last['errors']):.4f} to {max(last['errors']):.4f}, {sum(last['times']):.1f} s"
                    except Missing as reason:
                        told["left out"][f"{name}, {text}"] = str(reason)
                        line = f"failed: {str(reason)[-200:]}"
                    print(f"{key}: {name}, {text}: {line}", flush=True)
                    (options.out / "peers.json").write_text(json.dumps(content, indent=1))
    (options.out / "peers.json").write_text(json.dumps(content, indent=1))
    return content


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--install", nargs="*", metavar="PEER", help="make environments, of all peers by default")
    parser.add_argument("--out", type=Path, help="folder of peers.json and the data sets")
    parser.add_argument("--table", type=Path, help="print a peers.json as Markdown")
    parser.add_argument("--measured", type=Path, default=Path(__file__).parents[3] / "shared" / "data")
    parser.add_argument("--sets", nargs="+", choices=list(PROBLEMS), default=list(PROBLEMS))
    parser.add_argument("--peers", nargs="+", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--core", type=int, default=min(os.sched_getaffinity(0)))
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of epochs, after which a run is ended")
    parser.add_argument("--epochs", type=int, help="of every run, in place of what the data set gives")
    parser.add_argument("--small", action="store_true", help="small arrays and few epochs, to try the drivers")
    options = parser.parse_args(arguments)
    if options.table:
        print(table(json.loads(options.table.read_text())))
        return 0
    if options.install is not None:
        for name in options.install or list(PEERS):
            try:
                install(name)
                print(f"{name}: installed", flush=True)
            except Missing as reason:
                print(f"{name}: {reason}", flush=True)
        return 0
    print(table(compare(options)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
