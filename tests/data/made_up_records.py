"""Records of random motion in memory, and what it means that a batch is what its type says."""

import typing

import numpy as np
from jaxtyping import jaxtyped

from playmate_jax.motion.layout import EMOTIONS


def random_records(seed: int, n: int = 6, frames: int = 150, features: int = 8) -> list[dict]:
    """Smooth random clips of the right shapes, each with a labelled emotion."""
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.standard_normal((n, frames, 70)), 1) * 0.02
    return [
        {
            "id": f"clip-{number}",
            "motion": walk[number].astype(np.float32),
            "features": rng.standard_normal((frames, features)).astype(np.float16),
            "identity": rng.standard_normal(63).astype(np.float32),
            "emotion": int(rng.integers(len(EMOTIONS))),
            "intensity": 1.0,
        }
        for number in range(n)
    ]


@jaxtyped(typechecker=None)
def assert_batch(batch, kind) -> None:
    """A batch has exactly the keys of the TypedDict `kind`, and one set of sizes and dtypes fits
    all annotations. Keys that are not required may be absent."""
    hints = typing.get_type_hints(kind)
    assert kind.__required_keys__ <= batch.keys() <= hints.keys()
    for name, hint in hints.items():
        if name in batch:
            found, kinds = batch[name], typing.get_args(hint)  # of NumPy, of JAX
            fits = [isinstance(found, one) for one in kinds]
            assert any(fits), f"{name}: {found.dtype}{found.shape} is none of {kinds}"
