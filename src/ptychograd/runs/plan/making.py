"""From a plan to its run."""

from ptychograd.data.dataset import Dataset
from ptychograd.runs.plan.requirements import check_fields
from ptychograd.runs.plan.solvers import make_solver
from ptychograd.runs.plan.stages import make_stages
from ptychograd.runs.plan.start import make_model
from ptychograd.runs.plan.whole import PlanFields
from ptychograd.runs.stage import Run


def check(plan: PlanFields) -> None:
    """Raise `InputError` for fields that do not go together; no data are read."""
    check_fields(plan)
    make_solver(plan)


def make_run(plan: PlanFields, data: Dataset) -> Run:
    """The run of a data set, of which all patterns are fitted."""
    check(plan)
    solver, model = make_solver(plan), make_model(plan, data)
    size = plan.fit.batch_size
    size = solver.suited_batch_size(data) if size is None else size
    return Run(model, data, solver, make_stages(plan, data, model), size, plan.seed)
