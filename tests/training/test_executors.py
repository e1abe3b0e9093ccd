"""How a step is divided changes where it runs, not what it computes."""

import json
import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.parallel.executors import executor
from playmate_jax.parallel.mesh import device_mesh, shardings

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = textwrap.dedent(
    """
    import json, sys
    import jax, numpy as np
    folder, variants, devices, process, port = sys.argv[1:]
    jax.config.update("jax_num_cpu_devices", int(devices))
    if port != "0":
        jax.distributed.initialize(f"localhost:{port}", num_processes=2, process_id=int(process))
    from tests.training.toy import LOOP, own_rows, toy
    from playmate_jax.parallel.executors import MeshExecutor, executor
    from playmate_jax.parallel.mesh import device_mesh
    from playmate_jax.training import train
    for name, how in json.loads(variants).items():
        workdir = f"{folder}/{name}"
        for steps, how in ((6, how), (9, how.pop("then", how))):
            one = how.get("one_device", False)
            rest = {name: value for name, value in how.items() if name != "one_device"}
            divided = executor(**rest)
            if one:
                divided = MeshExecutor(device_mesh(jax.devices()[:1]), **rest)
            done = train(own_rows(toy()), workdir, steps, loop=LOOP, executor=divided, quiet=True)
        if jax.process_index() == 0:
            np.savez(f"{folder}/{name}.npz", *jax.tree.leaves(done.state))
    """
)
ALONE = {"one": {"one_device": True}}
VARIANTS = {
    "mesh": {},
    "fsdp": {"fsdp": 2},
    "pmap": {"parallel": "pmap"},
    "accumulated": {"one_device": True, "microbatches": 2},
    "begun_on_fsdp_resumed_on_one_device": {"fsdp": 8, "then": {"one_device": True}},
    "begun_on_one_device_resumed_on_pmap": {"one_device": True, "then": {"parallel": "pmap"}},
    "begun_on_pmap_resumed_on_fsdp": {"parallel": "pmap", "then": {"fsdp": 4}},
}
ON_FOUR = {
    "mesh_accumulated": {"microbatches": 2},
    "fsdp_accumulated": {"fsdp": 2, "microbatches": 2},
    "pmap_accumulated": {"parallel": "pmap", "microbatches": 2},
}
OF_TWO = {
    "two_processes": {},
    "two_processes_fsdp": {"fsdp": 4},
    "two_processes_pmap": {"parallel": "pmap"},
}


def run(folder, variants, devices, processes=1):
    """Trains every variant, each with a resume."""
    port = 0
    if processes == 2:
        with socket.socket() as s:
            s.bind(("localhost", 0))
            port = s.getsockname()[1]
    environment = os.environ | {
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    arguments = [str(folder), json.dumps(variants), str(devices)]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments, str(process), str(port)],
            cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True,
        )
        for process in range(processes)
    ]  # fmt: skip
    for process in started:
        _, said = process.communicate(timeout=240)
        assert process.returncode == 0, said[-3000:]


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    """By variant, the leaves of the state that its run ends with."""
    folder = tmp_path_factory.mktemp("runs")
    run(folder, {**ALONE, **VARIANTS}, 8)
    run(folder, ON_FOUR, 4)
    run(folder, OF_TWO, 4, processes=2)
    files = {path.stem: np.load(path) for path in folder.glob("*.npz")}
    return {name: [file[leaf] for leaf in file.files] for name, file in files.items()}


@pytest.mark.parametrize("variant", [*VARIANTS, *ON_FOUR, *OF_TWO])
def test_however_a_step_is_divided_the_numbers_are_those_of_one_device(variant, ends):
    # A sum over other parts is reordered: a few float32 ulps (6e-8), grown by Adam's division.
    for found, wanted in zip(ends[variant], ends["one"], strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-7)


def test_devices_that_cannot_be_used_so_are_one_sentence():
    with pytest.raises(UserError, match="expected --fsdp to divide the 1 devices, found 2"):
        executor(fsdp=2)
    with pytest.raises(UserError, match="expected --parallel out of mesh, pmap, found 'pnap'"):
        executor("pnap")
    with pytest.raises(UserError, match="--fsdp 1 with --parallel pmap"):
        executor("pmap", fsdp=2)


def test_a_parameter_that_no_rule_covers_is_named():
    tree = {"layer": {"kernel": np.zeros((4, 2)), "speed": np.zeros(3), "bias": np.zeros(2)}}
    with pytest.raises(ValueError, match="covers layer/speed: add one"):
        shardings(tree, device_mesh())
