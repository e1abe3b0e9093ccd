"""Compiled programs: their persistent cache, so that only a machine's first run has to compile, and
their size."""

import os
from pathlib import Path

import jax


def keep_compiled_programs() -> Path | None:
    """Turns on JAX's persistent cache, unless one is configured already.

    Returns:
      Its folder (by default ~/.cache/playmate_jax/xla), or None where none can be written.
    """
    if os.environ.get("JAX_COMPILATION_CACHE_DIR") or jax.config.jax_compilation_cache_dir:
        return None
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "playmate_jax" / "xla"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # no writable home: only slower
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # Small programs too: a first run compiles hundreds of them, which takes seconds.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return folder


def program_lines(hlo: str) -> int:
    """Lines of a compiled program's text, without the tables of source locations before it: what
    XLA had to compile."""
    lines = hlo.splitlines()
    first = next((n for n, line in enumerate(lines) if line.endswith("{") and line[0] in "%E"), 0)
    return len(lines) - first
