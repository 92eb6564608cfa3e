"""Models of one's own at the command line, held out, streamed, on several processes; and others of their kind."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import ptychograd as pg
from own_models import SHAPE, FourierPtychography, hologram_start, holograms, tilted


@pytest.fixture(scope="module")
def data():
    return holograms()


@pytest.fixture(scope="module")
def result(data):
    return pg.reconstruct(hologram_start(), data, pg.adam(1.0), epochs=20, batch_size=4)


def test_its_file_is_shown_exported_and_looked_at_by_commands_that_know_no_class(run, result, tmp_path):
    result.save(tmp_path / "holo.h5")
    status, out, err = run("inspect", "holo.h5")
    assert status == 0, err
    assert f"object {SHAPE[0]} x {SHAPE[1]}" in " ".join(out.split())
    assert "export holo.h5 object.tiff" in " ".join(out.split())
    assert run("plot", "holo.h5", "-o", "holo.png")[0] == 0
    assert run("export", "holo.h5", "holo.tiff")[0] == 0
    assert (tmp_path / "holo.png").exists()


def test_patterns_that_are_held_out_judge_it(data):
    fitted, held = pg.hold_out(data, 0.25)
    found = pg.reconstruct(
        hologram_start(), fitted, pg.adam(1.0), epochs=200, batch_size=4, monitor=pg.refinement.HeldOutMonitor(held)
    )
    judged = np.array(found.history.held_out)
    judged = judged[np.isfinite(judged)]  # not every epoch is looked at
    assert judged[-1] < 0.6 * judged[0]
    assert pg.quality.residuals(found.model, held).r_factor == pytest.approx(judged[-1], rel=1e-4)


def test_it_is_streamed_from_its_file(data, result, tmp_path):
    pg.write(tmp_path / "holo.h5", data)
    stored = pg.read(tmp_path / "holo.h5", keep=pg.data.StreamFromFile(limit=10**6, block=10**4))
    found = pg.reconstruct(hologram_start(), stored, pg.adam(1.0), epochs=20, batch_size=4)
    np.testing.assert_allclose(found.history.loss, result.history.loss, rtol=1e-4)


SHARED = """
import sys
import jax
jax.distributed.initialize(sys.argv[1], 2, int(sys.argv[2]), initialization_timeout=60)
from own_models import hologram_start, holograms
import ptychograd as pg
found = pg.reconstruct(hologram_start(), holograms(), pg.adam(1.0), epochs=20, batch_size=4, devices=jax.devices())
if jax.process_index() == 0:
    found.save(sys.argv[3])
"""


@pytest.mark.slow
def test_two_processes_share_its_run(result, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-c", SHARED, address]
    folders = os.pathsep.join([str(Path(__file__).parent), str(Path(pg.__file__).parents[1])])
    options = {"env": os.environ | {"PYTHONPATH": folders, "JAX_TRANSFER_GUARD": "allow"}, "stderr": subprocess.PIPE}
    ranks = [subprocess.Popen([*command, str(k), str(tmp_path / "both.h5")], **options) for k in range(2)]
    texts = [rank.communicate(timeout=150)[1] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], texts
    both = pg.load(tmp_path / "both.h5")
    np.testing.assert_allclose(both.history.loss, result.history.loss, rtol=1e-3)
    np.testing.assert_allclose(both.object, result.object, atol=0.02 * np.abs(result.object).max())


def test_fourier_ptychography_is_fitted_compared_and_drawn(tmp_path):
    """The image is computed from its spectrum; the pupil is found with it."""
    truth, image = tilted()
    patterns = pg.simulate(truth, len(truth.corner), seed=1)
    data = pg.make_dataset(patterns, truth=pg.data.GroundTruth(image))
    begun = jnp.zeros_like(truth.spectrum).at[30, 27].set(25 * np.sqrt(image.size) + 0j)
    start = FourierPtychography(begun, jnp.asarray(jnp.abs(truth.pupil), jnp.complex64), truth.lens, truth.corner)
    before = pg.quality.residuals(start, data).r_factor
    steps = {"spectrum": 3.0, "pupil": 0.01}
    found = pg.reconstruct(start, data, pg.Nesterov(steps=steps), epochs=60, batch_size=7)
    assert sorted(found.settings["trainable"]) == ["pupil", "spectrum"]  # the image is none of the model's arrays
    assert found.history.r_factor[-1] < 0.3 * before
    assert pg.quality.compare_with_truth(found, data)["object_nrmse"] < 0.03
    found.save(tmp_path / "f.h5")
    again = pg.load(tmp_path / "f.h5")
    np.testing.assert_array_equal(again.object, found.object)
    axes = pg.plot.summary(again).get_axes()
    assert ("illumination", "ky (pixels)") in [(axis.get_title(), axis.get_ylabel()) for axis in axes]
