"""What `shared()` saves: epochs of a deep image prior with the network evaluated once a batch, and in every call.

    python benchmarks/shared_work.py

Both stand in one process and take turns; printed are medians of seconds an epoch.
"""

import sys
from pathlib import Path

import numpy as np

import ptychograd as pg

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from deep_image_prior import DeepImagePrior, measurement, start_of


class InEveryCall(DeepImagePrior):
    """The same physics without shared work."""

    def shared(self):
        return self

    def windows(self, index):
        return {}

    def __call__(self, index):
        return DeepImagePrior.shared(self).optics(index)


def main(turns: int = 5, epochs: int = 4) -> None:
    data = measurement()[1]
    shared = start_of(data)
    starts = {"shared": shared, "in every call": InEveryCall(shared.network, shared.waves, shared.optics)}
    seconds, losses = {name: [] for name in starts}, {}
    for _ in range(turns):
        for name, start in starts.items():
            result = pg.reconstruct(
                start, data, pg.adam(0.01), trainable=("network",), epochs=epochs, batch_size=data.count
            )
            seconds[name] += result.history.seconds[1:]
            losses[name] = result.history.loss[-1]
    medians = {name: np.median(times) for name, times in seconds.items()}
    for name, times in seconds.items():
        low, high = np.percentile(times, (25, 75))
        text = f"{name:14} {medians[name] * 1e3:8.1f} ms an epoch ({low * 1e3:.1f} to {high * 1e3:.1f})"
        print(f"{text}, loss {losses[name]:.2f}")
    print(f"ratio {medians['in every call'] / medians['shared']:.1f}, {data.count} patterns in a batch")


if __name__ == "__main__":
    main()
