"""Runs of `playmate prepare` with made-up sources, here or in a process that may be killed."""

import importlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from playmate_jax.cli import run
from playmate_jax.prepare import preparation, tasks  # noqa: F401  (imported once)
from playmate_jax.prepare.plan import Listing
from tests.prepare.fake_makers import FakeConfig, load_light_encoder, sources

KINDS = ("talking_clips", "portrait_pairs")
GOOD, SHARDS = 21, 6
LISTED = [*sources(GOOD, "short.mp4", "defect.mp4")]  # 43 clips, 3 drops, 1 of them unexpected
FAKE = FakeConfig()


def prepare(out, *options: str, workers: int = 1) -> int:
    """The exit code of one run; `substitute` comes before."""
    words = ["prepare", "folder", "somewhere", "--out", str(out), "--workers", str(workers)]
    return run([*words, "--shards", str(SHARDS), *options])


def substitute(patch: Callable, listed=LISTED, config=FAKE, encoder=load_light_encoder) -> None:
    """Puts fakes in the place of readers, settings and slow imports; `patch` is a `setattr`."""
    command = importlib.import_module("playmate_jax.cli.prepare")
    patch(command, "_asked", lambda args: (config, Listing(list(listed))))
    patch(tasks, "load_encoder", encoder)


def started(out, workers: int = 1) -> multiprocessing.Process:
    """A run in a process of its own, forked from one that has imported all."""
    fork = multiprocessing.get_context("forkserver")
    fork.set_forkserver_preload(["tests.prepare.preparing"])
    process = fork.Process(target=_alone, args=[str(out), workers, dict(os.environ)])
    process.start()
    return process


def _alone(out: str, workers: int, environment: dict[str, str]) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells let background jobs ignore it
    os.environ.update(environment)
    substitute(setattr)
    sys.exit(prepare(out, workers=workers))


def contents(folder) -> dict[str, bytes]:
    """Every file of a folder."""
    folder = Path(folder)
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class OtherRunner(FnApiRunner):
    """A runner of Beam's by another name, which remembers the options that it was given."""

    seen: list[dict] = []

    def run_pipeline(self, pipeline, options):
        self.seen.append(options.get_all_options(retain_unknown_options=True))
        return super().run_pipeline(pipeline, options)
