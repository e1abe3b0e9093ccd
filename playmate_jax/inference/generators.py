"""The motion generators that the pipeline knows: one loader for each `kind` of weights.

The `kind` in a generator's `config.json` picks its loader from `LOADERS`; another system's
generator is one more row there.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from playmate_jax.errors import UserError, nearest
from playmate_jax.hub.weights import load_weights
from playmate_jax.inference.motion_generator import MotionGenerator

# (config, params, card, the directory they are from) -> generator
Loader = Callable[[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any], Path], MotionGenerator]


def _playmate(*parts) -> MotionGenerator:
    from playmate_jax.inference.playmate_generator import load

    return load(*parts)


def _joyvasa(*parts) -> MotionGenerator:
    from playmate_jax.inference.joyvasa_generator import load

    return load(*parts)


LOADERS: dict[str, Loader] = {"playmate": _playmate, "joyvasa": _joyvasa}


def load_generator(directory: Path) -> tuple[MotionGenerator, dict[str, Any]]:
    """The generator in a weights directory, and its card.

    Raises:
      UserError: damaged, or of a kind that is not known here.
    """
    config, params, card = load_weights(directory)
    kind = str(config.get("kind", "something else"))
    if kind not in LOADERS:
        raise UserError(
            f"expected the weights of a motion generator ({', '.join(LOADERS)}) in {directory}, "
            f"found those of '{kind}'{nearest(kind, LOADERS)}: give another folder"
        )
    return LOADERS[kind](config, params, card, Path(directory)), card
