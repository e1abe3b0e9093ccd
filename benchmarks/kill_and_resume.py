"""Kills a training run at random moments, again and again, and compares what it ends with.

    python benchmarks/kill_and_resume.py                    # 20 kills: one process, then two
    python benchmarks/kill_and_resume.py --config configs/tiny_stage1.py --set clips=data/mine

For each number of processes one run is left alone and one is killed, half of the times by SIGKILL
and half by SIGTERM, and started again each time. The sha256 of both final states (parameters, EMA,
the optimiser's memory) must be the same, and SIGTERM may take 5 s to end the last process. A table
is printed; with --json FILE it is written too. Exit status 1 if either does not hold.
"""

import argparse
import hashlib
import json
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "tests" / "training" / "small_config.py"
STOP_S = 5.0  # the most that a stop by SIGTERM may take
STOPPED = (130, 143)  # exit codes after SIGTERM: with a checkpoint; before the first step
EVERYWHERE = 0.2  # share of the kills that may come at any moment, also before the first step


class Kill(NamedTuple):
    """One kill: by which signal, of which process ("all": of the launcher), how long after the
    start and at which reported step it came, and how long the end and what it printed took."""

    signal: str
    target: str
    after_s: float
    step: int
    exit_code: int
    seconds_to_exit: float


class Comparison(NamedTuple):
    """What came of one number of processes."""

    processes: int
    uninterrupted: str
    resumed: str
    kills: list[Kill]

    def problems(self) -> list[str]:
        """Why this is a failure; empty: it is none."""
        found = [] if self.resumed == self.uninterrupted else ["another final state"]
        for kill in self.kills:
            if kill.signal == "SIGTERM" and kill.seconds_to_exit > STOP_S:
                found.append(f"{kill.seconds_to_exit:.1f} s from SIGTERM to the end")
            if kill.signal == "SIGTERM" and kill.exit_code not in STOPPED:
                found.append(f"exit code {kill.exit_code} after SIGTERM")
        return found


def digest(workdir: Path) -> str:
    """The sha256 of all arrays of the newest checkpoint, with their names."""
    steps = [path for path in (workdir / "checkpoints").iterdir() if path.name.isdecimal()]
    newest = max(steps, key=lambda path: int(path.name)) / "state"
    logging.getLogger("absl").setLevel(logging.ERROR)  # a file that only the folder above has
    reader = ocp.Checkpointer(ocp.PyTreeCheckpointHandler())
    names = reader.metadata(newest).item_metadata.tree
    as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), names)
    state = reader.restore(newest, args=ocp.args.PyTreeRestore(restore_args=as_numpy))
    total = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        total.update(f"{jax.tree_util.keystr(path)} {leaf.dtype} {leaf.shape}\n".encode())
        total.update(np.ascontiguousarray(leaf).tobytes())
    return total.hexdigest()


class Run:
    """A started run, and the processes that it consists of."""

    def __init__(self, processes: int, workdir: Path, arguments: list[str]):
        self.workdir, self.processes = workdir, processes
        self.started_at = time.monotonic()
        arguments = [*arguments, "--workdir", str(workdir)]
        program = [sys.executable, "-m", "playmate_jax", "train"]
        if processes > 1:
            program = [str(ROOT / "launch" / "local.sh"), "-n", str(processes)]
        self.log = (workdir.parent / f"{workdir.name}.log").open("ab")
        self._first = self.last_step()
        self.launcher = subprocess.Popen(
            [*program, *arguments],
            env={**os.environ, "PYTHON": sys.executable},
            stdout=self.log,
            stderr=self.log,
        )

    def last_step(self) -> int:
        """The step of the last report; 0 before the first."""
        try:
            last = (self.workdir / "metrics.jsonl").read_text().splitlines()[-1]
            return int(json.loads(last)["step"])
        except (OSError, ValueError, IndexError):
            return 0

    def wait_until_training(self) -> None:
        """Waits until a step of this start was reported, or the run has ended."""
        while self.launcher.poll() is None and self.last_step() <= self._first:
            time.sleep(0.05)

    def send(self, number: signal.Signals, target: str) -> None:
        """Sends a signal to process number `target`, or to the launcher ("all")."""
        pid = self.launcher.pid
        if target != "all" and self.processes > 1:
            pid = self._children()[int(target)]
        os.kill(pid, number)

    def _children(self) -> list[int]:
        """The processes of the job, in their order: those that run Python, not the readers."""
        path = Path(f"/proc/{self.launcher.pid}/task/{self.launcher.pid}/children")
        found = [int(pid) for pid in path.read_text().split()]
        return [
            pid for pid in found if b"playmate_jax" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]

    def end(self) -> int:
        """Waits for the end; the exit code as a shell would give it."""
        code = self.launcher.wait()
        self.log.close()
        return code if code >= 0 else 128 - code


def kill_once(run: Run, number: signal.Signals, rng: random.Random, window_s: float) -> Kill | None:
    """Kills the run at a random moment; None if it ended before."""
    anywhere = rng.random() < EVERYWHERE
    if not anywhere:
        run.wait_until_training()
    time.sleep(rng.uniform(0.5, 5.0) if anywhere else rng.uniform(0, window_s))
    target = "0"
    if run.processes > 1:
        several = [str(i) for i in range(run.processes)]
        # SIGKILL of the launcher alone would leave its processes; before they are one job, only
        # a signal to all can stop them
        term = ["all"] if anywhere else ["all", *several]
        target = rng.choice(several if number == signal.SIGKILL else term)
    if run.launcher.poll() is not None:
        return None
    step, killed_at = run.last_step(), time.monotonic()
    try:
        run.send(number, target)
    except (ProcessLookupError, FileNotFoundError, IndexError):
        return None if run.end() == 0 else kill_once(run, number, rng, window_s)
    code = run.end()
    now = time.monotonic()
    return Kill(number.name, target, killed_at - run.started_at, step, code, now - killed_at)


def compare(
    processes: int, kills: int, arguments: list[str], folder: Path, seed: int
) -> Comparison:
    """Runs once without and once with kills."""
    whole = Run(processes, folder / f"{processes}_whole", arguments)
    whole.wait_until_training()
    training_at = time.monotonic()
    if code := whole.end():
        raise SystemExit(f"the uninterrupted run ended with code {code}: see {whole.log.name}")
    # In sum at most 0.7 of the run's time, so that it outlives its kills.
    window_s = 0.7 * (time.monotonic() - training_at) / max(kills, 1)
    rng, killed = random.Random(seed), folder / f"{processes}_killed"
    signals = [(signal.SIGKILL, signal.SIGTERM)[i % 2] for i in range(kills)]
    rng.shuffle(signals)
    found: list[Kill] = []
    for number in signals:
        run = Run(processes, killed, arguments)
        kill = kill_once(run, number, rng, window_s)
        if kill is None:
            raise SystemExit(
                f"the run ended after {len(found)} of {kills} kills: give more --steps"
            )
        found.append(kill)
        print(_line(processes, kill), flush=True)
    last = Run(processes, killed, arguments)
    if code := last.end():
        raise SystemExit(f"the last start ended with code {code}: see {last.log.name}")
    return Comparison(processes, digest(whole.workdir), digest(killed), found)


def _line(processes: int, kill: Kill) -> str:
    return (
        f"| {processes} | {kill.signal} | {kill.target} | {kill.after_s:.1f} | {kill.step} "
        f"| {kill.exit_code} | {kill.seconds_to_exit:.1f} |"
    )


def main() -> int:
    """Runs all comparisons and prints them; 1 if one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default=str(CONFIG))
    parser.add_argument("--steps", default="600")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE")
    parser.add_argument("--kills", type=int, default=10, help="for each number of processes")
    parser.add_argument("--processes", default="1,2")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--keep", metavar="DIR", help="keep the runs and their logs there")
    given = parser.parse_args()
    changes = given.set or (["evaluation_s=1"] if given.config == str(CONFIG) else [])
    arguments = [given.config, "--steps", given.steps]
    arguments += [word for value in changes for word in ("--set", value)]
    print("| processes | signal | process | after s | step | exit code | s to exit |")
    print("|---|---|---|---|---|---|---|")
    found = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(given.keep or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for processes in map(int, given.processes.split(",")):
            found.append(compare(processes, given.kills, arguments, folder, given.seed))
    for result in found:
        problems = result.problems()
        print(
            f"{result.processes} process(es), {len(result.kills)} kills: uninterrupted "
            f"{result.uninterrupted[:16]}, resumed {result.resumed[:16]}: "
            + ("; ".join(problems) or "the same state, every stop in time")
        )
    if given.json:
        rows = [{**r._asdict(), "kills": [k._asdict() for k in r.kills]} for r in found]
        Path(given.json).write_text(json.dumps(rows, indent=1) + "\n")
    return int(any(result.problems() for result in found))


if __name__ == "__main__":
    sys.exit(main())
