"""Every effect alone: the error without it, with it ignored, and with it in the model.

python -m benchmarks.effects                       all of them
python -m benchmarks.effects background defocus    some
python -m benchmarks.effects --list
"""

import argparse
import importlib
import pkgutil
import sys

import benchmarks.effects as package


def effects() -> dict:
    """All functions of the modules' `EFFECTS`, by name; each measures, and yields one `Case` after another."""
    found = {}
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("_"):
            found |= importlib.import_module(f"benchmarks.effects.{module.name}").EFFECTS
    return found


def main() -> None:
    known = effects()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=", ".join(known))
    parser.add_argument("--list", action="store_true")
    asked = parser.parse_args()
    if asked.list:
        print("\n".join(known))
        return
    unknown = set(asked.names) - set(known)
    if unknown:
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(known)}")
    for name in asked.names or known:
        for case in known[name]():
            print(case.line(name), flush=True)


if __name__ == "__main__":
    main()
