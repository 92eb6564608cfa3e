"""Under which names a result keeps what its run was."""

PLAN = "plan"  # the plan, as `Plan.of` reads it
PLAN_FOLDER = "plan_folder"  # where the plan lay, in which modules of its own are looked for
FINGERPRINT = "data_fingerprint"  # of the data of a run
MADE_BY = "made_by"  # versions and host
ARRIVED = "patterns_arrived"  # how many patterns of the scan there were, if it was still being written
PROBE_HELD = "probe_held"  # epochs in which the probe was held at first, where the plan does not say
HELD_OUT = "held_out_r_factor"  # what patterns that were held out say of a result
PRUNED = "pruned"  # how the reason begins of a run that ended early because others were better
MACHINE = "machine"  # devices and memory that a run had
FOLDER = "folder"  # where a run was started
DATA_FILE = "data_file"  # the data's file, of results without a plan that names it
HALF = "half"  # which half of the patterns a result is of, 1 or 2
