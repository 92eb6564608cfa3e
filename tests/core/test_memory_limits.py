"""What limits the memory of a process, on systems that are folders made for the purpose."""

import pytest

from ptychograd.core.memory import available_memory

MOUNT_TWO = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
MOUNT_ONE = "35 31 0:32 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n"
KIB, MIB = 2**10, 2**20


@pytest.fixture
def system(tmp_path):
    """Files of a system by their paths; what is left to a process on it. There are 8000 MiB free; it holds 100."""

    def left(files, **environment):
        whole = {
            "proc/meminfo": f"MemTotal: 1 kB\nMemAvailable: {8000 * KIB} kB\n",
            "proc/self/status": f"VmSize:\t{500 * KIB} kB\nVmRSS:\t{100 * KIB} kB\nVmData:\t{200 * KIB} kB\n",
        } | files
        for name, text in whole.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(str(text))
        return available_memory(tmp_path, environment) / MIB

    return left


def group(folder, used, idle=0, one=False, **limits):
    """The files of one control group, in MiB."""
    names = {"max": "memory.limit_in_bytes"} if one else {"max": "memory.max", "high": "memory.high"}
    current, field = ("memory.usage_in_bytes", "total_inactive_file") if one else ("memory.current", "inactive_file")
    files = {f"{folder}/{names[name]}": value if value == "max" else value * MIB for name, value in limits.items()}
    stat = f"anon 1\nactive_file 7\n{field} {idle * MIB}\n"
    return files | {f"{folder}/{current}": used * MIB, f"{folder}/memory.stat": stat}


def test_without_a_limit_it_is_what_is_free(system):
    assert system({}) == 8000


OWN = "sys/fs/cgroup/slurm/job_7/step 0"
TWO = {"proc/self/cgroup": "0::/slurm/job_7/step 0\n", "proc/self/mountinfo": MOUNT_TWO}
GROUPS_TWO = {
    "its own": ({}, 700),
    "one above it": (group("sys/fs/cgroup/slurm/job_7", 900, max=1500), 600),
    "the outermost": (group("sys/fs/cgroup", 2000, max=2300), 300),
    "a group without a limit": (group("sys/fs/cgroup/slurm", 5000, max="max"), 700),
    "one that slows down what is above": (group("sys/fs/cgroup/slurm", 500, max="max", high=900), 400),
    "one full of files that can go": (group("sys/fs/cgroup/slurm", 990, idle=800, max=1000), 700),
    "one that is full": (group("sys/fs/cgroup/slurm", 1001, max=1000), 0),
}


@pytest.mark.parametrize("case", GROUPS_TWO)
def test_every_group_that_the_process_lies_in_counts(system, case):
    files, left = GROUPS_TWO[case]
    assert system(TWO | group(OWN, 300, max=1000) | files) == left


def test_the_group_of_a_neighbour_does_not_count(system):
    assert system(TWO | group("sys/fs/cgroup/slurm/job_8", 90, max=100)) == 8000


def test_the_first_version_of_groups_and_both_side_by_side(system):
    """As Slurm on an older system: the memory is in the first version, and the second is mounted for something else."""
    own = "9:name=systemd:/x\n4:cpu,memory:/slurm/uid_1\n0::/y\n"
    mounts = MOUNT_ONE + "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    folder = "sys/fs/cgroup/memory/slurm"
    files = {"proc/self/cgroup": own, "proc/self/mountinfo": mounts}
    limits = group(f"{folder}/uid_1", 400, idle=150, one=True, max=1000)
    assert system(files | limits | group(folder, 400, one=True, max=2**43 - 1)) == 750
    assert system(files | limits | group(folder, 800, one=True, max=1300)) == 500


@pytest.mark.parametrize(("own", "begin"), [("/docker/ab", "/docker/ab"), ("/", "/docker/ab"), ("/../../out", "/")])
def test_in_a_container_the_mount_is_the_group(system, own, begin):
    mount = MOUNT_TWO.replace(" / /sys", f" {begin} /sys")
    files = {"proc/self/cgroup": f"0::{own}\n", "proc/self/mountinfo": mount}
    assert system(files | group("sys/fs/cgroup", 100, max=350)) == 250


def test_limits_of_the_process(system):
    limits = "Limit                     Soft Limit           Hard Limit           Units\n"
    space, data = (
        f"{name:25} {soft * MIB:<20} unlimited            bytes\n"
        for name, soft in (("Max address space", 4500), ("Max data size", 1200))
    )
    free = f"{'Max address space':25} {'unlimited':20} {'unlimited':20} bytes\n"
    assert system({"proc/self/limits": limits + free}) == 8000
    assert system({"proc/self/limits": limits + space}) == 4000
    assert system({"proc/self/limits": limits + space + data}) == 1000


@pytest.mark.parametrize(
    ("environment", "left"),
    [
        ({"SLURM_MEM_PER_NODE": "2000"}, 1900),
        ({"SLURM_MEM_PER_NODE": "0"}, 8000),  # all that there is
        ({"SLURM_MEM_PER_CPU": "500", "SLURM_CPUS_ON_NODE": "4"}, 1900),
        ({"SLURM_MEM_PER_CPU": "500"}, 8000),
        ({"SLURM_MEM_PER_GPU": "600", "SLURM_GPUS_ON_NODE": "2"}, 1100),
        ({"SLURM_MEM_PER_NODE": "2G"}, 8000),
        ({"SLURM_MEM_PER_NODE": "50"}, 0),
    ],
)
def test_what_slurm_gave_to_the_job(system, environment, left):
    assert system({}, **environment) == left


def test_the_least_of_all_counts(system):
    files = TWO | group(OWN, 300, max=1000) | {"proc/self/limits": f"Max data size   {800 * MIB}   unlimited   bytes\n"}
    assert system(files, SLURM_MEM_PER_NODE="650") == 550


def test_a_system_that_says_nothing(tmp_path):
    assert available_memory(tmp_path, {}) is None
