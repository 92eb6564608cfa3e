"""The solver that a plan names."""

from typing import TYPE_CHECKING

from ptychograd.core.errors import InputError
from ptychograd.fitting.solvers import LBFGS, PIE, AbstractSolver, ADePIE, Nesterov, adam
from ptychograd.runs.plan.importing import make_part
from ptychograd.runs.plan.sections.fit import SolverSection

if TYPE_CHECKING:
    from ptychograd.runs.plan.whole import PlanFields

RPIE_ALPHA = 0.1
OF_SOLVER = {  # fields of the section that a solver takes, by its name
    "nesterov": ("momentum", "step_size", "floor"),
    "rpie": ("alpha",),
    "adam": ("steps",),
}


def make_solver(plan: "PlanFields", asked: SolverSection | None = None) -> AbstractSolver:
    """The solver that was named, in the fit or in a stage."""
    asked = plan.fit.solver if asked is None else asked
    kind = "nesterov" if asked.kind is None else asked.kind
    if not isinstance(kind, str) or ":" in kind:
        return _own_solver(plan, asked)
    _check_fields(asked, kind)
    if kind == "adam":
        if not asked.steps:
            raise InputError(
                "adam needs step sizes: `fit.solver.steps`, for example fit.solver.steps.object=0.01 and "
                "fit.solver.steps.probe=1.0."
            )
        return adam(dict(asked.steps))
    if kind == "nesterov":
        given = {name: getattr(asked, name) for name in OF_SOLVER[kind] if getattr(asked, name) is not None}
        return Nesterov(**given)
    alpha = RPIE_ALPHA if asked.alpha is None else asked.alpha
    return {"lbfgs": LBFGS, "rpie": lambda: PIE(alpha), "epie": PIE, "ad-epie": ADePIE}[kind]()


def _check_fields(asked: SolverSection, kind: str) -> None:
    """Refuse what the solver does not take."""
    for solver, names in OF_SOLVER.items():
        for name in names:
            if solver != kind and getattr(asked, name) not in (None, {}):
                raise InputError(f"`fit.solver.{name}` is for {solver}; {kind} takes none.")
    if asked.arguments:
        raise InputError("`fit.solver.arguments` is for a solver of your own; name it as `fit.solver.kind`.")


def _own_solver(plan: "PlanFields", asked: SolverSection) -> AbstractSolver:
    named = isinstance(asked.kind, str | type)
    part = {"kind": asked.kind, "arguments": asked.arguments} if named else asked.kind
    return make_part(part, AbstractSolver, "fit.solver.kind", plan.origin)
