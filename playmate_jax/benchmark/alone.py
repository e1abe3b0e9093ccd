"""A side in a process of its own: what it costs to compile, and its memory.

Two systems in one process share their memory, and what one has freed the other may use; a compiler
leaves memory too. So each is built in two new processes: one with empty caches of compiled
programs, which tells what compiling costs, and one with what the first has cached, which tells what
a later start costs and how much memory training takes.
"""

import contextlib
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import jax
from jax.experimental.compilation_cache import compilation_cache

from playmate_jax.benchmark import machine
from playmate_jax.benchmark.sides import Side, seconds_of

CALLS = 2  # after the first, whose time and memory are measured


@contextlib.contextmanager
def empty_caches() -> Iterator[None]:
    """Within, compiled programs of JAX and PyTorch, also of new processes, go to a folder that is
    empty at first and deleted at the end."""
    before = jax.config.jax_compilation_cache_dir
    with tempfile.TemporaryDirectory(prefix="playmate-benchmark-") as folder:
        jax_folder, torch_folder = Path(folder) / "jax", Path(folder) / "torch"
        variables = {
            "JAX_COMPILATION_CACHE_DIR": str(jax_folder),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
            "TORCHINDUCTOR_CACHE_DIR": str(torch_folder),
        }
        saved = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        _use_cache(str(jax_folder))
        try:
            yield
        finally:
            _use_cache(before)
            for name, value in saved.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def measure_alone(build: Callable[..., Side], *arguments: Any) -> dict[str, float | None]:
    """Figures of the side that `build(*arguments)` makes, in new processes; both are pickled. To be
    used within `empty_caches`.

    Returns:
      "compile_s" and "warm_s": what its first call takes longer than its second, with empty and
      with full caches; "host_peak_mib": the process's largest resident memory during further calls;
      "device_peak_mib"; and the side's own facts.
    """
    spawn = multiprocessing.get_context("spawn")
    found = []
    for _ in ("empty caches", "full caches"):
        with ProcessPoolExecutor(1, mp_context=spawn) as pool:
            found.append(pool.submit(_measure, build, arguments).result())
    cold, warm = found
    return warm | {"compile_s": cold["first_s"], "warm_s": warm.pop("first_s")}


def _measure(build: Callable[..., Side], arguments: tuple) -> dict[str, float | None]:
    side = build(*arguments)
    first = seconds_of(side)
    machine.forget_peak_memory()
    second = seconds_of(side, CALLS)
    return {
        "first_s": max(0.0, first - second),
        "host_peak_mib": machine.host_peak_mib(),
        "device_peak_mib": machine.device_peak_mib(),
        **side.facts(),
    }


def _use_cache(folder: str | None) -> None:
    compilation_cache.reset_cache()
    jax.config.update("jax_compilation_cache_dir", folder)
