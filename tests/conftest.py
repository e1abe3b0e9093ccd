"""Fixtures that every area uses."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Most of the tests' time is compilation, and most programs run once: here they are compiled fast,
# also in processes that tests start, and with SLOW=1 as users' are.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "0" if os.environ.get("SLOW") else "1")

import jax
import pytest

if not os.environ.get("SLOW") and jax.__version_info__ < (0, 11):  # later ones lack the flag
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false")
jax.config.update("jax_default_matmul_precision", "highest")
# Compiled programs are kept between runs.
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


@pytest.fixture(scope="module")
def optimised() -> Iterator[None]:
    """Programs of this file are compiled as users' are: with all of LLVM's optimisations."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", before)
