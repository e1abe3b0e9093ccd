"""Data parallelism changes where a step runs, not what it computes."""

import os
import subprocess
import sys
import textwrap

PROGRAM = textwrap.dedent(
    """
    import sys, chex, jax
    sys.path.insert(0, "tests/training")
    from test_loop import toy, LOOP
    from playmate_jax.training import train
    from playmate_jax.parallel.mesh import data_mesh
    assert len(jax.devices()) == 8
    mesh = data_mesh(jax.devices()[:1])
    one = train(toy(), sys.argv[1] + "/1", 6, loop=LOOP, mesh=mesh, quiet=True)
    all_ = train(toy(), sys.argv[1] + "/8", 6, loop=LOOP, quiet=True)
    chex.assert_trees_all_close(one.state, all_.state, rtol=1e-5, atol=1e-7)
    """
)


def test_eight_devices_equal_one(tmp_path):
    # The sum over eight parts is reordered: a few float32 ulps (6e-8), grown by Adam's division.
    flags = os.environ | {
        "XLA_FLAGS": "--xla_force_host_platform_device_count=8",
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")]),
    }
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        env=flags,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
