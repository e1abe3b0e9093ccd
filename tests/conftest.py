"""Fixtures that every area uses."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import pytest

jax.config.update("jax_default_matmul_precision", "highest")
# Compiled programs are kept between runs: most of the tests' time is compilation.
CACHE = (
    Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "playmate_jax" / "xla-tests"
)
jax.config.update("jax_compilation_cache_dir", str(CACHE))


@pytest.fixture(scope="session")
def shared() -> Path:
    """Reference data and real recordings beside the checkout (or at PLAYMATE_SHARED)."""
    default = Path(__file__).resolve().parents[2] / "shared"
    root = Path(os.environ.get("PLAYMATE_SHARED", default))
    if not (root / "data").is_dir():
        pytest.skip(f"no reference data at {root} (set PLAYMATE_SHARED)")
    return root


@pytest.fixture
def only_loaders() -> Iterator[None]:
    """Of all tests that run now, the only one with loader processes: it looks at what shared
    memory they leave, which says nothing of its owner."""
    fcntl = pytest.importorskip("fcntl", reason="no file locks here")
    with (Path(tempfile.gettempdir()) / "playmate-tests-loaders.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory) -> Path:
    """A folder of random weights of a tiny size, in the layout of the shipped ones."""
    from tests.random_weights import write_random_weights

    return write_random_weights(tmp_path_factory.mktemp("weights") / "tiny")


@pytest.fixture
def little_optimised() -> Iterator[None]:
    """Programs of this test are compiled quickly and run slowly: the folded renderer's are large
    and run once."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
