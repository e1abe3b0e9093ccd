"""Compilation of the renderer's loops with numba, kept on disk between processes.

Numba looks only at a function's own file to see whether a kept program is stale, not at what it
calls. Ours call across files, so programs are kept in a folder named after all sources.
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
    """Compiles the plain function: not one that a type checker has wrapped, as tests do."""
    if function is None:
        return functools.partial(jit, **options)
    plain = inspect.unwrap(function)
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, _FOLDER
    try:  # the folder is chosen when a function is declared
        return numba.njit(plain, cache=True, fastmath=True, error_model="numpy", **options)
    finally:
        numba.config.CACHE_DIR = before


inlined = functools.partial(jit, forceinline=True)  # large tuples are costly to pass
