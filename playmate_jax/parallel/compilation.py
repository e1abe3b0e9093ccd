"""Compiled programs are kept on disk: only the first run on a machine pays for compiling."""

import os
from pathlib import Path

import jax


def keep_compiled_programs() -> Path | None:
    """Turns the persistent cache on (~/.cache/playmate_jax/xla), unless one is set already."""
    if os.environ.get("JAX_COMPILATION_CACHE_DIR") or jax.config.jax_compilation_cache_dir:
        return None
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "playmate_jax" / "xla"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # no home to write to: only slower
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # Also the small programs: hundreds of them make up seconds of a first run.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return folder
