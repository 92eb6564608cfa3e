"""Whole reconstructions: what one is asked for and how it is performed (`run`), and several of them (`many`)."""

from ptychograd._run.many import perform_all, try_all
from ptychograd._run.run import Run, Stage, check, perform, tasks

__all__ = ["Run", "Stage", "check", "perform", "perform_all", "tasks", "try_all"]
