"""`ptychograd simulate`: the paper's experiments as data files."""

from pathlib import Path

from cyclopts import App

from ptychograd.cli._console import output

simulate = App(name="simulate", help="Simulate a measurement, with its ground truth beside it.")


@simulate.command(name="far-field")
def far_field(
    out: Path,
    /,
    *,
    photons: float = 1e6,
    seed: int = 0,
    magnitude: Path | None = None,
    phase: Path | None = None,
) -> None:
    """Far-field ptychography as in section 3.3 of Kandel et al. 2019: 484 patterns of 64 x 64 pixels.

    Args:
        out: The HDF5 file to write.
        photons: Photons in the probe.
        seed: Of the photon noise.
        magnitude: Image for the object's magnitude; scikit-image's astronaut by default.
        phase: Image for the object's phase; scikit-image's camera by default.
    """
    from ptychograd._files import write
    from ptychograd.cli._engine import prepare
    from ptychograd.paper.far_field import FarFieldExperiment

    prepare()
    data = FarFieldExperiment(photons=photons).dataset(seed, magnitude, phase)
    write(out, data)
    output.print(
        f"{out}: {data.count} patterns of {data.frame_shape[0]} x {data.frame_shape[1]} pixels, "
        f"{data.photons.mean():.4g} photons each on average, with ground truth."
    )
