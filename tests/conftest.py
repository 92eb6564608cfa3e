"""What several test files share."""

import inspect
import os
from pathlib import Path
from tempfile import TemporaryDirectory

# What a user's own JAX may be set to, in this process and in those that tests start: nothing is promoted in silence.
os.environ |= {"JAX_NUMPY_DTYPE_PROMOTION": "strict", "JAX_NUMPY_RANK_PROMOTION": "raise"}

import jax
import pytest

jax.config.update("jax_num_cpu_devices", 4)  # before JAX first asks for them; only tests that name several use them


def pytest_configure(config):
    """Programs that one test compiled are there for the others of the same process; each session begins with none."""
    folder = TemporaryDirectory(prefix="ptychograd-tests-")
    config.add_cleanup(folder.cleanup)
    jax.config.update("jax_compilation_cache_dir", folder.name)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.05)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def pytest_collection_modifyitems(items):
    """Of a test with the mark `variants` the first case stays quick; the others are slow."""
    seen = set()
    for item in items:
        if item.get_closest_marker("variants"):
            if (item.path, item.originalname) in seen:
                item.add_marker(pytest.mark.slow)
            seen.add((item.path, item.originalname))


@pytest.fixture(scope="session", autouse=True)
def guarded():
    """No implicit transfer between host and device in the package: its threads, processes that tests start, its calls.

    Tests' own arithmetic, in the main thread, may send what it likes.
    """
    jax.config.update("jax_transfer_guard", "disallow")
    os.environ["JAX_TRANSFER_GUARD"] = "disallow"
    import ptychograd as pg  # after pytest has begun to watch the types

    for space in (pg, *(getattr(pg, name) for name in dir(pg) if inspect.ismodule(getattr(pg, name)))):
        for name in space.__all__:
            if inspect.isfunction(function := getattr(space, name)):
                setattr(space, name, jax.transfer_guard("disallow")(function))
    with jax.transfer_guard("allow"):
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The measured data beside the project; the tests that need them are skipped where they are absent."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the measured data are not beside the project (../shared/data)")
    return folder


@pytest.fixture(scope="session")
def siemens_star() -> Path:
    """Sixty measured patterns; where they are from stands beside them."""
    return Path(__file__).parent / "data" / "measured" / "siemens_star_small.npz"


@pytest.fixture
def double():
    """Double precision for one test; a file asks for it by `pytestmark = pytest.mark.usefixtures("double")`."""
    with jax.enable_x64(True):
        yield


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run a command in a fresh folder; returns exit status, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("ptychograd.cli.engine.prepare", lambda precision="single": None)
    monkeypatch.setattr("ptychograd.cli.engine.start", lambda machine: None)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)  # one core, on which programs agree

    from ptychograd.cli import main  # after pytest has begun to watch the types

    def call(*arguments):
        status = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as end:
            status = end.code or 0
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.fixture(scope="session")
def data():
    """The small scan of `problems`, for tests that need any; a file with another one has a fixture of its own."""
    import problems  # after pytest has begun to watch the types

    return problems.measurement()


@pytest.fixture(scope="session")
def model(data):
    """The start model of that scan."""
    import problems

    return problems.start_model(data)
