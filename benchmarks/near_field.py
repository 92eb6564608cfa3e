"""What the default solver reaches on the paper's near-field data, at half of its lengths or whole: NRMSE and seconds.

    python benchmarks/near_field.py [--distances 0.047 0.094] [--seeds 0 1 2 3] [--batches 5] [--epochs 250]
    python benchmarks/near_field.py --whole --seeds 0 1 --epochs 600

Errors of object and probe, plain, with shift and ramp removed, and that where scanned; seconds are those of computing.
Run it with `taskset -c 0` for the times of one core.
"""

import argparse
import itertools

import ptychograd as pg
from ptychograd.paper.near_field import NearFieldExperiment
from ptychograd.quality.comparison import compare_with_truth


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--whole", action="store_true", help="512 x 512 pixels in place of 256 x 256")
    parser.add_argument("--distances", type=float, nargs="+", default=[0.047], help="metres")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    parser.add_argument("--batches", type=int, nargs="+", default=[5])
    parser.add_argument("--epochs", type=int, default=250)
    options = parser.parse_args()
    experiment = NearFieldExperiment if options.whole else NearFieldExperiment.reduced
    for distance, batch, seed in itertools.product(options.distances, options.batches, options.seeds):
        data = experiment(distance=distance).dataset(seed)
        model = pg.near_field(data, object=pg.models.random_object(seed))
        result = pg.reconstruct(model, data, pg.Nesterov(), epochs=options.epochs, batch_size=batch, seed=seed)
        errors = compare_with_truth(result, data)
        seconds = sum(result.history.seconds[1:])
        texts = "  ".join(f"{name} {value:.4f}" for name, value in errors.items())
        print(f"{distance:g} m, batch {batch}, seed {seed}: {texts}  {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()
