"""One run on several virtual devices of a CPU: patterns a second with 1, 2, 4 and 8 of them.

    python benchmarks/scaling.py [--devices 1 2 4 8] [--rounds 5]

Each number of devices has a process of its own, and processes take turns, so that a slow moment hits all of them.
"""

import argparse
import subprocess
import sys

CASES = {  # pixels of a frame, patterns in a batch and in all
    "64 x 64, batch 16": (64, 16, 968),
    "64 x 64, batch 100": (64, 100, 968),
    "128 x 128, batch 32": (128, 32, 512),
    "256 x 256, batch 24": (256, 24, 192),
    "512 x 512, batch 8": (512, 8, 64),
}

WORKER = """
import sys

import jax

jax.config.update("jax_num_cpu_devices", {devices})
import ptychograd as pg
from ptychograd.runs.benchmark import Case, patterns

data = patterns(Case({frame}, {batch}, {count}))
model = pg.far_field(data, object=pg.models.random_object(0))
seconds = []
pg.reconstruct(
    model, data, pg.Nesterov(), epochs=6, batch_size={batch}, devices=jax.devices(),
    on_epoch=lambda progress: seconds.append(progress.seconds),
)
print(min(seconds[1:]))
"""


def seconds(devices: int, frame: int, batch: int, count: int) -> float:
    """The shortest epoch of a process."""
    code = WORKER.format(devices=devices, frame=frame, batch=batch, count=count)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print("| case | " + " | ".join(f"{n} device{'s' * (n > 1)}" for n in arguments.devices) + " |")
    print("|---|" + "---|" * len(arguments.devices))
    for name, (frame, batch, count) in CASES.items():
        best = dict.fromkeys(arguments.devices, float("inf"))
        for _ in range(arguments.rounds):
            for devices in arguments.devices:
                best[devices] = min(best[devices], seconds(devices, frame, batch, count))
        first = best[arguments.devices[0]]
        cells = (f"{count / one:,.0f} ({first / one:.2f} x)" for one in best.values())
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
