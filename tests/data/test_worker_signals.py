"""A signal to a run's whole process group, as clusters and terminals send it, while worker
processes make its batches: the run saves and exits, and nothing is left."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.data.test_workers import alive, needs_shared, segments

pytestmark = pytest.mark.usefixtures("only_loaders")
ROOT = Path(__file__).resolve().parents[2]
CONFIG = textwrap.dedent(
    """
    import dataclasses
    import playmate_jax.data as d
    from playmate_jax.training import LoopConfig
    from tests.data.made_up_records import random_records
    from tests.training.test_loop import toy

    def batches(seed, start):
        with d.stage1(random_records(0, n=4), 4, seed=seed, loading=d.Loading(2)) as made:
            for batch in made.start_at(start):
                print("batch", flush=True)
                x = batch["motion"][:, 0, :3]
                yield {"x": x, "y": x[:, :2]}

    @dataclasses.dataclass(frozen=True)
    class Config:
        steps: int = 1_000_000
        seed: int = 0
        loop: LoopConfig = LoopConfig(checkpoint_minutes=0)

        def stage(self):
            return dataclasses.replace(toy(self.steps), batches=batches, evals={})

    def config():
        return Config()
    """
)


def workers(run: int) -> list[int]:
    """Processes of the run that were spawned for Python's multiprocessing."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            of_group = os.getpgid(int(path.parent.name)) == run
            if of_group and b"multiprocessing.spawn" in path.read_bytes():
                found.append(int(path.parent.name))
        except (ProcessLookupError, FileNotFoundError):
            continue
    return found


@needs_shared
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="no /proc to see workers in")
@pytest.mark.parametrize(
    ("moment", "number"),
    [
        pytest.param(0, signal.SIGTERM, id="as the first worker begins"),
        pytest.param(0.4, signal.SIGUSR1, id="while workers start"),
        pytest.param(1.5, signal.SIGTERM, id="a little later", marks=pytest.mark.slow),
        pytest.param("batch", signal.SIGTERM, id="at the first batch"),
        pytest.param("batches", signal.SIGINT, id="in the midst of it", marks=pytest.mark.slow),
    ],
)
def test_a_run_whose_group_is_told_to_stop_saves_and_exits(moment, number, tmp_path):
    before = segments()
    (tmp_path / "config.py").write_text(CONFIG)
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        run = subprocess.Popen(
            [sys.executable, "-m", "playmate_jax", "train", str(tmp_path / "config.py"),
             "--workdir", str(tmp_path / "run")],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"},
            stdout=out, stderr=err, start_new_session=True,
        )  # fmt: skip
    said = lambda: (tmp_path / "out").read_text().count("batch")  # noqa: E731
    enough = {"batch": lambda: said() >= 1, "batches": lambda: said() >= 50}
    deadline = time.monotonic() + 120
    while not enough.get(moment, lambda: len(workers(run.pid)) > 0)():
        assert run.poll() is None and time.monotonic() < deadline, (tmp_path / "err").read_text()
        time.sleep(0.005)
    if isinstance(moment, float):
        time.sleep(moment)
    os.killpg(run.pid, number)
    code = run.wait(60)
    text = (tmp_path / "err").read_text()
    assert code == 130, text
    assert "Traceback" not in text, text
    if "stopped before a step" not in text:  # the step was compiled already
        assert "resumes from here" in text, text
        assert list((tmp_path / "run" / "checkpoints").glob("[0-9]*"))
    assert not alive(run.pid) and segments() <= before
