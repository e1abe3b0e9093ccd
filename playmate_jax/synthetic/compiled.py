"""Compilation of the renderer's loops with numba, kept on disk between processes.

Numba checks only a function's own file to decide whether a cached program is stale, not the files
of the functions that it calls. The renderer calls across files, so the cache folder is named after
a hash of all its sources.
"""

import functools
import hashlib
import inspect
import os
from pathlib import Path

import numba

_SOURCES = (
    "compiled", "expression", "identity", "surface", "deform", "texture", "paint", "raster",
    "render", "draw",
)  # fmt: skip


def _folder() -> str:
    here = Path(__file__).parent
    digest = hashlib.sha256(b"".join((here / f"{name}.py").read_bytes() for name in _SOURCES))
    root = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return str(root / "playmate_jax" / f"numba-{digest.hexdigest()[:12]}")


_FOLDER = _folder()


def jit(function=None, **options):
    """Decorator: compiles a function with `numba.njit` and caches the program on disk.

    A wrapper that a run-time type checker put around the function, as in the tests, is removed.
    """
    if function is None:
        return functools.partial(jit, **options)
    plain = inspect.unwrap(function)
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, _FOLDER
    try:  # numba reads the folder when a function is declared
        return numba.njit(plain, cache=True, fastmath=True, error_model="numpy", **options)
    finally:
        numba.config.CACHE_DIR = before


inlined = functools.partial(jit, forceinline=True)  # large tuples are costly to pass
