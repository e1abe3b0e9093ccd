"""Whether a training step gives the same numbers however it is divided over devices.

    python benchmarks/same_numbers.py                 # the paper's models
    python benchmarks/same_numbers.py --width 64 --layers 2

Stages 1 and 2 with dropout, on windows of unequal length, from one initial state: on one device; on
8 devices of one process under a mesh, under a mesh that divides the parameters (fsdp), and under
jax.pmap; in two processes of 4 devices each; and in two microbatches. Devices are CPU devices of
this machine. In float32 gradients are compared (Adam's first moment after one step), in float64 the
updates of the parameters, of a Conformer of two layers: 8 copies of a whole float64 state do not
fit in 24 GB. Prints a table; exit code 1 if a difference is above its limit: 1e-5 of the gradient's
norm, 1e-10 of the update's.
"""

import argparse
import dataclasses
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

LIMITS = {"float32": 1e-5, "float64": 1e-10}
MOST_LAYERS = {"float32": 99, "float64": 2}
ROWS = 8
# XLA:CPU allocates its temporaries anew at each call: this keeps glibc from unmapping them, and has
# it ask for large pages.
MALLOC = {
    "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "64000000000",
    "MALLOC_TOP_PAD_": "268435456", "MALLOC_ARENA_MAX": "1",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}  # fmt: skip
ALONE: dict[str, dict[str, Any]] = {
    "one device": {"one_device": True},
    "8 devices, mesh": {},
    "8 devices, fsdp 8": {"fsdp": 8},
    "8 devices, pmap": {"parallel": "pmap"},
    "one device, 2 microbatches": {"one_device": True, "microbatches": 2},
}
TOGETHER: dict[str, dict[str, Any]] = {
    "2 processes x 4, mesh": {},
    "2 processes x 4, fsdp 8": {"fsdp": 8},
    "2 processes x 4, pmap": {"parallel": "pmap"},
}


def stage_of(number: int, width: int, layers: int) -> Any:
    """The stage of the shipped configuration on random clips of unequal length."""
    import jax
    import numpy as np

    from playmate_jax.configs import paper_stage1, paper_stage2
    from playmate_jax.data.motion_data import MotionData
    from playmate_jax.models.motion_model import MotionModelConfig, init_generator
    from playmate_jax.training.stage1 import stage1
    from playmate_jax.training.stage2 import stage2

    model = MotionModelConfig()
    sizes = {"width": width, "layers": layers, "condition_width": width, "feed_forward": 4 * width}
    model = dataclasses.replace(model, generator=dataclasses.replace(model.generator, **sizes))
    rng = np.random.default_rng(0)
    clips = MotionData(
        [
            {
                "id": str(n),
                "motion": rng.standard_normal((frames, 70)).astype(np.float32),
                "features": rng.standard_normal((frames, 768)).astype(np.float32),
                "identity": rng.standard_normal(63).astype(np.float32),
                "emotion": n % 8,
                "intensity": 1.0,
            }
            for n, frames in enumerate((40, 70, 95, 110, 130, 60, 85, 240))
        ]
    )
    if number == 1:
        first = paper_stage1.config()
        return stage1(dataclasses.replace(first, model=model, batch_size=ROWS, eval_clips=0), clips)
    params = {
        "generator": init_generator(model.generator, jax.random.key(1)),
        "statistics": clips.statistics.to_tree(),
    }
    second = dataclasses.replace(paper_stage2.config(), batch_size=ROWS, eval_clips=0, stage1="")
    emotion = dataclasses.replace(second.emotion, condition_width=width)
    model = dataclasses.replace(model, emotion=emotion)
    return stage2(dataclasses.replace(second, emotion=emotion), model, params, clips)


def part(folder: str, options: argparse.Namespace) -> None:
    """One process's share: a step of every variant, from the same state; process 0 saves."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from playmate_jax.parallel.compilation import keep_compiled_programs

    keep_compiled_programs()
    jax.config.update("jax_num_cpu_devices", options.devices)
    if options.processes > 1:
        at = f"localhost:{options.port}"
        jax.distributed.initialize(at, options.processes, options.process)
    from playmate_jax.parallel.executors import MeshExecutor, executor
    from playmate_jax.parallel.mesh import device_mesh
    from playmate_jax.training.stage import TrainState
    from playmate_jax.training.update import keys

    for number in options.stages:
        for dtype in LIMITS:
            jax.config.update("jax_enable_x64", dtype == "float64")

            def cast(tree: Any, dtype: str = dtype) -> Any:
                def one(x: Any) -> Any:
                    return x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x

                return jax.tree.map(one, tree)

            layers = min(options.layers, MOST_LAYERS[dtype])
            stage = stage_of(number, options.width, layers)
            init = jax.jit(lambda stage=stage, cast=cast: cast(stage.init(keys(0)[0])))
            initial = Path(folder) / f"{number}_{dtype}_initial.npz"
            if options.processes == 1:
                np.savez(initial, *jax.tree.leaves(init()))
            with np.load(initial) as saved:
                leaves = [saved[name] for name in saved.files]
            before = jax.tree.unflatten(jax.tree.structure(jax.eval_shape(init)), leaves)
            with stage.batches(0, 0) as batches:
                batch = {k: np.asarray(v) for k, v in cast(next(batches)).items()}
            for name, given in (ALONE if options.processes == 1 else TOGETHER).items():
                kept = {key: value for key, value in given.items() if key != "one_device"}
                divided: Any = executor(**kept)
                if "one_device" in given:
                    divided = MeshExecutor(device_mesh(jax.devices()[:1]), **kept)
                now, then = (
                    state if isinstance(state, TrainState) else state.trained
                    for state in (stepped(stage, divided, before, batch), before)
                )
                found = (
                    now.opt_state[1].mu
                    if dtype == "float32"
                    else jax.tree.map(np.subtract, now.packed, then.packed)
                )
                if jax.process_index() == 0:
                    path = Path(folder) / f"{number}_{dtype}_{name}.npz"
                    np.savez(path, *jax.tree.leaves(found))


def stepped(stage: Any, divided: Any, state: Any, batch: Any) -> Any:
    """The state after one step, on the host; nothing stays on the devices, where 8 copies of it
    hardly fit twice."""
    import jax
    import numpy as np

    from playmate_jax.training.update import NEVER, Carry, keys, update_of

    carry = divided.restored(placed(Carry(state, np.int32(NEVER)), divided))
    rows = divided.place(batch)
    none = divided.place(np.zeros(divided.mesh.local_mesh.size, np.int32))
    update = update_of(stage, keys(0)[1])
    step = divided.compiled(update, carry, rows, none, np.int32(0))
    carry, _ = step(carry, rows, none, np.int32(0))
    return jax.device_get(divided.local(carry.state))


def placed(tree: Any, how: Any) -> Any:
    """Arrays of the host, the same in every process, where an executor restores them to."""
    import jax

    def put(x: Any, where: Any) -> Any:
        return jax.make_array_from_callback(x.shape, where, x.__getitem__)

    return jax.tree.map(put, tree, how.shardings(tree))


def run(folder: Path, arguments: list[str], processes: int) -> None:
    """Starts the processes of a job and waits for them."""
    with socket.socket() as s:
        s.bind(("localhost", 0))
        port = s.getsockname()[1]
    command = [
        sys.executable, __file__, *arguments, "--folder", str(folder), "--port", str(port),
        "--processes", str(processes), "--devices", str(8 // processes),
    ]  # fmt: skip
    environment = os.environ | MALLOC | {"JAX_PLATFORMS": "cpu"}
    started = [
        subprocess.Popen([*command, "--process", str(n)], env=environment) for n in range(processes)
    ]
    if codes := [code for code in [p.wait() for p in started] if code]:
        sys.exit(f"a process ended with code {codes[0]}")


def main() -> None:
    """Prints the largest differences of every variant."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--width", type=int, default=512, help="of the networks (default 512)")
    parser.add_argument("--layers", type=int, default=8, help="of the Conformer (default 8)")
    parser.add_argument("--stages", type=int, nargs="+", default=[1, 2], choices=(1, 2))
    parser.add_argument("--json", help="also write the differences to this file")
    for name in ("port", "processes", "process", "devices"):
        parser.add_argument(f"--{name}", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--folder", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        part(options.folder, options)
        return
    import numpy as np

    arguments = [f"--width={options.width}", f"--layers={options.layers}"]
    arguments += ["--stages", *map(str, options.stages)]
    found: dict[str, float] = {}
    bad = False
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), arguments, 1)
        run(Path(folder), arguments, 2)
        print(f"{'stage':7}{'what':22}{'divided':30}{'difference':>12}")
        for number in options.stages:
            for dtype, what in (("float32", "gradient, float32"), ("float64", "update, float64")):
                one = np.load(f"{folder}/{number}_{dtype}_one device.npz")
                size = np.sqrt(sum(np.sum(np.square(one[n])) for n in one.files))
                for name in [*ALONE, *TOGETHER][1:]:
                    other = np.load(f"{folder}/{number}_{dtype}_{name}.npz")
                    parts = [np.sum(np.square(one[n] - other[n])) for n in one.files]
                    off = float(np.sqrt(sum(parts)) / size)
                    bad |= not off <= LIMITS[dtype]
                    found[f"stage {number}, {what}, {name}"] = off
                    print(f"{number:<7}{what:22}{name:30}{off:12.1e}")
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=1))
    sys.exit(int(bad))


if __name__ == "__main__":
    main()
