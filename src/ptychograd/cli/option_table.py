"""The table of options that give a field of a plan: their names, fields, and the headings of a help."""

from typing import NamedTuple

from ptychograd.runs.plan.listing import FieldInfo, fields


class Option(NamedTuple):
    """An option: its name, the field of a plan that it gives, and the heading under which it stands in a help."""

    name: str
    path: str
    group: str

    @property
    def attribute(self) -> str:
        """Its name in what a person typed."""
        return self.name.lstrip("-").replace("-", "_")

    @property
    def field(self) -> FieldInfo:
        """The field of a plan that it gives."""
        return fields()[self.path]


OWN = ""  # among the options of the command itself
GROUPS = DATA, START, MODEL, FIT, QUALITY, MACHINE = ("Data", "Start", "Model", "Fit", "Quality", "Machine")
OPTIONS = (
    Option("--output", "output.result", OWN),
    Option("--checkpoint-every", "output.checkpoint_every", OWN),
    Option("--stop-after", "output.stop_after", OWN),
    Option("--key", "data.keys", DATA),
    Option("--positions", "data.positions", DATA),
    Option("--distance", "geometry.distance", DATA),
    Option("--focus-distance", "geometry.focus_distance", DATA),
    Option("--orientation", "data.orientation", DATA),
    Option("--mask", "data.mask.image", DATA),
    Option("--follow", "data.follow", DATA),
    Option("--each", "data.each", DATA),
    Option("--start", "model.start.object", START),
    Option("--aperture", "model.start.aperture", START),
    Option("--pinhole", "model.start.pinhole", START),
    Option("--focal-spot", "model.start.focal_spot", START),
    Option("--defocus", "model.start.defocus", START),
    Option("--model", "model.kind", MODEL),
    Option("--modes", "model.probe.modes", MODEL),
    Option("--solver", "fit.solver.kind", FIT),
    Option("--epochs", "fit.epochs", FIT),
    Option("--batch-size", "fit.batch_size", FIT),
    Option("--noise", "fit.noise", FIT),
    Option("--refine", "fit.refine", FIT),
    Option("--prior", "fit.priors", FIT),
    Option("--seed", "seed", FIT),
    Option("--hold-out", "validation.hold_out", QUALITY),
    Option("--devices", "machine.devices", MACHINE),
    Option("--memory", "machine.memory", MACHINE),
    Option("--precision", "machine.precision", MACHINE),
)
NAMES = {option.path: option.name for option in OPTIONS}  # by their fields
