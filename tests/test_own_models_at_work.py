"""Models of one's own from their data to files, pictures and figures, held out, streamed and on several processes.

What is done with them knows no path and no class: only what the models say of themselves.
"""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ptychograd as pg
from own_models import MODELS

ERRORS = {"holography": 0.03, "Fourier ptychography": 0.03, "tomography": 0.06}  # of the image, in a full run
FEW = 12  # epochs, where it is not about the image


@pytest.fixture(scope="module", params=MODELS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def case(kind):
    return MODELS[kind]()


@pytest.fixture(scope="module")
def result(case):
    start, data, solver, epochs, batch_size = case
    return pg.reconstruct(start, data, solver, epochs=epochs, batch_size=batch_size)


def short(case, data=None, **options):
    start, own, solver, _, batch_size = case
    return pg.reconstruct(start, data or own, solver, **{"epochs": FEW, "batch_size": batch_size} | options)


def test_it_is_fitted_and_comes_near_the_truth(kind, case, result):
    figures = pg.quality.compare_with_truth(result, case[1])
    assert figures["object_nrmse"] < ERRORS[kind]
    assert ("object_nrmse_ramp_removed" in figures) == ("ramp" in result.roles.image.gauge)


@pytest.mark.slow
def test_its_file_is_shown_exported_and_looked_at_by_commands_that_know_no_class(run, result, tmp_path):
    result.save(tmp_path / "own.h5")
    again = pg.load(tmp_path / "own.h5")
    np.testing.assert_array_equal(again.object, result.object)
    size = " x ".join(map(str, result.object.shape))
    status, out, err = run("inspect", "own.h5")
    assert status == 0, err
    assert f"object {size}" in " ".join(out.split())
    assert "export own.h5 object.tiff" in " ".join(out.split())
    assert run("plot", "own.h5", "-o", "own.png")[0] == 0
    assert run("export", "own.h5", "own.tiff")[0] == 0
    titles = [axis.get_title() for axis in pg.plot.summary(again).get_axes()]
    assert titles[0] == ("object, amplitude" if np.iscomplexobj(again.object) else "object")
    assert ("illumination" in titles) == (again.roles.illumination is not None)


def test_it_goes_on_where_it_ended(case, tmp_path):
    whole = short(case)
    short(case, epochs=5, planned=FEW).save(tmp_path / "part.h5")
    both = short(case, epochs=FEW - 5, resume=pg.load(tmp_path / "part.h5"))
    np.testing.assert_array_equal(both.object, whole.object)


@pytest.mark.slow
def test_patterns_that_are_held_out_judge_it(case):
    fitted, held = pg.hold_out(case[1], 0.25)
    before = pg.quality.residuals(case[0], held).r_factor
    found = short(case, fitted, epochs=60, monitor=pg.refinement.HeldOutMonitor(held))
    judged = np.array(found.history.held_out)
    judged = judged[np.isfinite(judged)]  # not every epoch is looked at
    assert judged[-1] < 0.7 * before
    assert pg.quality.residuals(found.model, held).r_factor == pytest.approx(judged[-1], rel=1e-4)


@pytest.mark.slow
def test_it_is_streamed_from_its_file_in_blocks(case, tmp_path):
    """Several blocks of one batch or more; they have an order of their own, so that what comes out is compared."""
    data = case[1]
    few = max(2, data.count // 5)
    pg.write(tmp_path / "own.h5", data)
    stored = pg.read(tmp_path / "own.h5", keep=pg.data.StreamFromFile(limit=10, block=few * data.patterns[0].nbytes))
    assert type(stored.patterns).__name__ == "StoredPatterns"
    size = {"batch_size": min(4, data.count // 2)}
    reads, holds = short(case, stored, **size), short(case, **size)
    assert reads.history.loss != holds.history.loss  # another order
    assert reads.history.r_factor[-1] < 0.5 * reads.history.r_factor[0]
    assert reads.history.r_factor[-1] == pytest.approx(holds.history.r_factor[-1], rel=0.1)
    assert pg.nrmse(reads.object, holds.object) < 0.05


SHARED = """
import sys
import jax
jax.distributed.initialize(sys.argv[1], 2, int(sys.argv[2]), initialization_timeout=60)
from own_models import MODELS
import ptychograd as pg
start, data, solver, _, _ = MODELS[sys.argv[4]]()
found = pg.reconstruct(start, data, solver, epochs=12, batch_size=data.count - data.count % 2, devices=jax.devices())
if jax.process_index() == 0:
    found.save(sys.argv[3])
"""


@pytest.mark.slow
def test_two_processes_share_its_run(kind, case, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-c", SHARED, address]
    folders = os.pathsep.join([str(Path(__file__).parent), str(Path(pg.__file__).parents[1])])
    options = {"env": os.environ | {"PYTHONPATH": folders, "JAX_TRANSFER_GUARD": "allow"}, "stderr": subprocess.PIPE}
    ranks = [subprocess.Popen([*command, str(k), str(tmp_path / "both.h5"), kind], **options) for k in range(2)]
    texts = [rank.communicate(timeout=150)[1] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], texts
    both, count = pg.load(tmp_path / "both.h5"), case[1].count
    alone = short(case, batch_size=count - count % 2)
    np.testing.assert_allclose(both.history.loss, alone.history.loss, rtol=2e-3)


@pytest.mark.slow
def test_a_model_with_a_wave_of_two_axes_is_compared_with_a_truth_that_has_modes():
    """The model of the README, on data of a simulation: both have one wave, (y, x) here and (1, y, x) there."""
    import jax
    import jax.numpy as jnp

    import problems

    class MyFarField(pg.AbstractModel):
        object: jax.Array
        probe: jax.Array
        corner: jax.Array

        def __call__(self, index):
            patch = pg.extract_window(self.object, self.corner[index], self.probe.shape)
            return jnp.abs(jnp.fft.fftshift(jnp.fft.fft2(self.probe * patch, norm="ortho"))) ** 2

        def roles(self):
            image = pg.Image(self.object, gauge=("phase", "scale", "shift", "ramp"))
            return pg.Roles(image, pg.physics.Illumination(self.probe), pg.physics.Positions(self.corner))

    data = problems.measurement()
    model = problems.start_model(data)
    mine = MyFarField(model.object.transmission, model.probe.modes[0], model.scan.corner)
    assert pg.reconstruct(mine, data, pg.adam(0.01), epochs=0).probe.shape == model.probe.modes.shape
    steps = {"object": 0.01, "probe": 1.0}
    one = pg.reconstruct(mine, data, pg.adam(steps), epochs=3, batch_size=8)
    other = pg.reconstruct(model, data, pg.adam(steps), epochs=3, batch_size=8)
    figures, expected = (pg.quality.compare_with_truth(found, data) for found in (one, other))
    assert figures.keys() == expected.keys()
    for name, value in expected.items():
        assert figures[name] == pytest.approx(value, rel=1e-2), name
    assert pg.plot.scanned_area(one)[0] == pg.plot.scanned_area(other)[0]
