"""The commands, as a person runs them: what they print, write and refuse."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import problems
import ptychograd as pg


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """A small simulated data file."""
    path = tmp_path_factory.mktemp("scan") / "scan.h5"
    pg.write(path, problems.measurement())
    return path


@pytest.mark.slow
def test_from_file_to_picture(run, scan, tmp_path):
    status, out, _ = run("reconstruct", scan, "-o", "r.h5", "--epochs", 30, "--batch-size", 6, "--json")
    figures = json.loads(out.splitlines()[-1])
    assert status == 0
    facts = ("r_factor", "chi_squared", "verdict", "held_out_r_factor", "epochs", "stopped", "seconds")
    assert tuple(figures) == (*facts, "patterns_per_second")
    assert figures["verdict"]["code"] in ("at_noise", "near_noise")
    assert "verdict: " in out
    assert figures["epochs"] == 30
    assert figures["r_factor"] < 0.04
    status, out, _ = run("compare", "r.h5", scan, "--json")
    assert json.loads(out)["probe_nrmse_ramp_removed"] < 0.2
    assert run("plot", "r.h5")[0] == 0
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
    loaded = pg.load("r.h5")
    assert loaded.history.epochs == 30
    assert loaded.settings["solver"].startswith("Nesterov")


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ("--solver", "epie"),
        ("--solver", "ad-epie", "--modes", 2, "--set", "fit.hold_probe=0"),
        (
            "--solver",
            "adam",
            "--set",
            "fit.solver.steps.object=0.02",
            "--set",
            "fit.solver.steps.probe=1",
            "--batch-size",
            5,
        ),
        ("--start", "random", "--seed", 4, "--set", "fit.hold_probe=2"),
    ],
)
def test_options_of_reconstruct(run, scan, options):
    status, out, err = run("reconstruct", scan, "-o", "r.h5", "--epochs", 2, "--json", *options)
    assert status == 0, err
    assert np.isfinite(json.loads(out.splitlines()[-1])["r_factor"])


def test_inspect_says_what_is_there(run, scan):
    status, out, _ = run("inspect", scan)
    text = " ".join(out.split())
    assert status == 0
    assert "56 of 20 x 18 pixels, uint16" in text
    assert "overlap" in text
    assert "wavelength, distance and pixel_size" in text


@pytest.mark.slow
def test_keys_name_what_a_file_calls_otherwise(run, tmp_path):
    data = problems.measurement()
    np.savez(tmp_path / "f.npz", a=data.patterns, b=data.positions, c=data.patterns + 1, p=data.probe[0])
    status, _, err = run("inspect", "f.npz")
    assert status == 2
    assert '"a" (56, 20, 18) uint16, "c" (56, 20, 18) uint16' in err
    assert "key patterns=" in err
    keys = ("--key", "patterns=a", "--key", "positions=b", "--key", "probe=p")
    assert run("inspect", "f.npz", *keys)[0] == 0
    assert run("reconstruct", "f.npz", *keys, "--epochs", 1, "-o", "r.h5")[0] == 0


MISTAKES = {
    "no such file": (("reconstruct", "none.h5"), "none.h5"),
    "unknown solver": (("reconstruct", "SCAN", "--solver", "magic"), "rpie"),
    "unknown option": (("reconstruct", "SCAN", "--epoch", "3"), "--epoch"),
    "unknown parameter": (
        (
            "reconstruct",
            "SCAN",
            "--solver",
            "adam",
            "--set",
            "fit.solver.steps.lens=1",
            "--set",
            "fit.solver.steps.object=1",
            "--set",
            "fit.solver.steps.probe=1",
        ),
        "object.transmission, probe.modes",
    ),
    "adam without steps": (("reconstruct", "SCAN", "--solver", "adam"), "fit.solver.steps.object=0.01"),
    "step for a solver that takes none": (
        ("reconstruct", "SCAN", "--solver", "rpie", "--set", "fit.solver.steps.object=1"),
        "adam",
    ),
    "step that is no number": (
        ("reconstruct", "SCAN", "--solver", "adam", "--set", "fit.solver.steps.object=big"),
        "no number",
    ),
    "field that is given nothing": (("reconstruct", "SCAN", "--set", "fit.epochs"), "expected FIELD=VALUE"),
    "unwritable output": (("reconstruct", "SCAN", "-o", "nowhere/r.h5"), "no folder"),
    "output that is no HDF5": (("reconstruct", "SCAN", "-o", "r.png"), "HDF5"),
    "seed below zero": (("reconstruct", "SCAN", "--seed", "-1", "-o", "r.h5"), "--seed -1: expected 0 to"),
    "random start below zero": (
        ("reconstruct", "SCAN", "--seed", "-1", "--start", "random"),
        "--seed -1: expected 0 to",
    ),
    "constant given a step": (
        (
            "reconstruct",
            "SCAN",
            "--solver",
            "adam",
            "--set",
            "fit.solver.steps.object=1",
            "--set",
            "fit.solver.steps.probe=1",
            "--set",
            "fit.solver.steps.propagator=1",
        ),
        'Unknown parameter "propagator"',
    ),
    "simulation with a seed that is none": (
        ("simulate", "far-field", "o.h5", "--seed", "-1"),
        "seed of -1",
    ),
    "adam with half of its steps": (
        ("reconstruct", "SCAN", "--solver", "adam", "--set", "fit.solver.steps.object=1"),
        'No step size is given for "probe.modes"',
    ),
    "probe in metres without geometry": (("reconstruct", "SCAN", "--aperture", "7e-6"), "pixel size"),
    "two start probes": (("reconstruct", "SCAN", "--aperture", "7e-6", "--pinhole", "1e-6"), "not several"),
    "batch of nothing": (
        ("reconstruct", "SCAN", "--batch-size", "0", "-o", "r.h5"),
        "--batch-size 0: expected 1 or more",
    ),
    "no modes": (("reconstruct", "SCAN", "--modes", "0"), "1 or more"),
    "truth that is none": (("compare", "SCAN", "SCAN"), "no result of ptychograd"),
    "picture of nothing": (("plot", "SCAN"), "no result of ptychograd"),
    "image that is none": (
        ("simulate", "far-field", "o.h5", "--magnitude", "SCAN"),
        "can't be read as an image",
    ),
    "result in the place of data": (("diagnose", "RESULT"), "it is a result, not data"),
    "negative photons": (("simulate", "far-field", "o.h5", "--photons", "-1"), "photons"),
}


@pytest.mark.variants
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_ends_in_one_sentence_and_status_2(run, scan, mistake, tmp_path):
    arguments, expected = MISTAKES[mistake]
    files = {"SCAN": scan, "RESULT": scan.with_name("result.h5")}
    pg.Result({}, {}, pg.fitting.History.empty(), {}).save(files["RESULT"])
    status, _, err = run(*(files.get(argument, argument) for argument in arguments))
    assert status == 2
    assert expected in err
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1
    assert not list(tmp_path.glob("*.h5"))


def test_data_are_never_replaced_by_their_result(run, scan):
    before = scan.read_bytes()
    status, _, err = run("reconstruct", scan, "-o", scan, "--epochs", 1)
    assert status == 2
    assert "replaced by its own result" in err
    assert scan.read_bytes() == before


def test_names_with_brackets_are_names(run, tmp_path):
    status, _, err = run("inspect", "scan[old]/[b].h5")
    assert status == 2
    assert "scan[old]/[b].h5" in err


@pytest.mark.slow
def test_result_knows_what_it_came_from(run, scan):
    run("reconstruct", scan, "-o", "r.h5", "--epochs", 2, "--modes", 2, "--seed", 7)
    result = pg.load("r.h5")
    plan = pg.Plan.of_result(result)
    assert (plan.data.paths, plan.model.probe.modes, plan.seed, plan.fit.epochs) == ((str(scan),), 2, 7, 2)
    np.testing.assert_array_equal(result.positions, pg.read(scan).positions)


def test_broken_data_end_in_one_sentence(run, scan, tmp_path):
    whole = scan.read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    data = problems.measurement()
    np.savez(tmp_path / "rank.npz", patterns=data.patterns[0], positions=data.positions)
    np.savez(tmp_path / "length.npz", patterns=data.patterns, positions=data.positions[:-1])
    np.savez(tmp_path / "unit.npz", patterns=data.patterns, positions=data.positions * 1e6)
    expected = {
        "cut.h5": "cut.h5",
        "rank.npz": "there are no patterns",
        "length.npz": "56 patterns but 55 positions",
        "unit.npz": "another unit",
    }
    for name, text in expected.items():
        status, _, err = run("reconstruct", name, "-o", "r.h5")
        *notes, sentence = err.strip().splitlines()
        assert status == 2
        assert all(note.startswith((name, "start probe: estimated")) for note in notes)
        assert sentence.startswith("ptychograd: ")
        assert text in sentence


@pytest.mark.slow
def test_bad_counts_are_masked_and_said(run, tmp_path):
    data = problems.measurement()
    counts = data.patterns.astype(np.float32)
    counts[3, 4, 5], counts[:, 7, 7] = np.nan, -1
    np.savez(tmp_path / "bad.npz", patterns=counts, positions=data.positions)
    status, out, err = run("reconstruct", "bad.npz", "--epochs", 1, "--json")
    assert status == 0
    assert "nan" not in out.lower()
    assert "mask" in err


@pytest.mark.slow
def test_divergence_keeps_the_last_good_result(run, scan):
    steps = ("--set", "fit.solver.steps.object=1e30", "--set", "fit.solver.steps.probe=1e30")
    status, _, err = run("reconstruct", scan, "-o", "r.h5", "--solver", "adam", "--set", "fit.hold_probe=0", *steps)
    assert status == 2
    assert "stopped being finite in epoch" in err
    assert np.isfinite(pg.load("r.h5").object).all()


def command(*arguments, **options):
    """A command as a process of its own."""
    call = [sys.executable, "-c", "from ptychograd.cli import main; main()", *map(str, arguments)]
    return subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def test_help_needs_no_heavy_import():
    """Help must come soon; so neither JAX nor h5py nor matplotlib may be loaded for it."""
    code = (
        "import sys\nfrom ptychograd.cli import main\n"
        "try:\n    main(['reconstruct', '--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'jax', 'h5py', 'matplotlib', 'equinox'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "--batch-size" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_import_changes_nothing():
    code = (
        "import ptychograd, sys; print('jax' in sys.modules)\n"
        "ptychograd.adam; import jax; print(jax.config.jax_enable_x64, jax.config.jax_compilation_cache_dir)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["False", "False", "None"]


@pytest.mark.slow
def test_interrupt_saves_and_exits(scan, tmp_path):
    """A batch job's warning in the middle of a long run, after the end of a connection, which nohup ignores.

    The last whole epoch is in the file, and the status is 130, as after Ctrl-C.
    """
    options = ("--epochs", 1000000, "-o", tmp_path / "r.h5", "--set", "fit.hold_probe=1")
    heeded = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # which the process inherits
    process = command("reconstruct", scan, *options, env=os.environ | {"XDG_CACHE_HOME": str(tmp_path)})
    signal.signal(signal.SIGHUP, heeded)
    programs = tmp_path / "ptychograd"
    while len(list(programs.rglob("jit_one_epoch*-cache"))) < 2 and process.poll() is None:
        time.sleep(0.2)  # both stages are compiled: the run is in the second one, or about to be
    time.sleep(1)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    process.send_signal(signal.SIGUSR1)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted" in out
    assert "interrupted by SIGUSR1; " in err
    assert pg.load(tmp_path / "r.h5").history.epochs > 0


@pytest.mark.slow
def test_double_precision_and_same_bytes(scan, tmp_path):
    """Two processes, same command: same object, in complex128 as asked for."""
    objects = []
    for name in ("a.h5", "b.h5"):
        options = ("--epochs", 3, "-o", tmp_path / name, "--precision", "double")
        process = command("reconstruct", scan, *options, env=os.environ | {"XDG_CACHE_HOME": str(tmp_path)})
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        objects.append(pg.load(tmp_path / name).object)
    assert objects[0].dtype == np.complex128
    assert objects[0].tobytes() == objects[1].tobytes()


@pytest.mark.slow
def test_demo_ends_in_a_picture_and_a_number(run):
    status, out, err = run("demo")
    assert status == 0, err
    assert "NRMSE against the truth" in out
    assert float(out.split("object ")[1].split(",")[0]) < 0.03


@pytest.mark.slow
def test_simulated_file_is_the_papers_experiment(run):
    assert run("simulate", "far-field", "sim.h5", "--photons", "1e4", "--seed", 3)[0] == 0
    data = pg.read("sim.h5")
    assert data.patterns.shape == (484, 64, 64)
    assert np.sum(np.abs(data.truth.probe) ** 2) == pytest.approx(1e4)


@pytest.mark.slow
def test_siemens_star(run, siemens_star):
    """Measured data: three modes reach R = 0.067 in 20 epochs, whatever the seed, and swapped axes 0.114."""
    keys = ("--key", "patterns=intensity", "--key", "positions=position_px", "--key", "probe=probe_guess")
    asked = (*keys, "--modes", 3, "--epochs", 20, "--json")
    _, out, _ = run("reconstruct", siemens_star, *asked, "-o", "right.h5")
    right = json.loads(out.splitlines()[-1])
    with np.load(siemens_star) as content:
        np.savez("swapped.npz", **(dict(content) | {"position_px": content["position_px"][:, ::-1]}))
    _, out, _ = run("reconstruct", "swapped.npz", *asked, "-o", "swapped.h5")
    swapped = json.loads(out.splitlines()[-1])
    assert right["r_factor"] < 0.07
    assert right["verdict"]["code"] == "near_noise"
    assert swapped["r_factor"] > 1.5 * right["r_factor"]
