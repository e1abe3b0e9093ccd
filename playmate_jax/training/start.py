"""What a run starts from: the parameters of earlier weights, as far as they fit, and which weights
those were.

Weights of another size or of a converter rarely fit a model whole. Every parameter whose name and
shape fit is taken, both sides of what is left are shown, and nothing is taken in silence.
"""

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from playmate_jax.errors import UserError
from playmate_jax.training.stage import Params

LISTED = 40  # lines of a report
HASHED = ("config.json", "params.safetensors")  # the card changes whenever something is measured
BUILT_ON = "built_on"  # its name in a stage's description


def fitting(weights: Params, model: Any, source: str) -> dict[str, np.ndarray]:
    """The parameters of earlier weights that a model can take, by name ("a/b/kernel").

    Prints how many they are and what is left on either side: "+" only in the weights, "-" only in
    the model, "!" shapes that differ.

    Args:
      model: the model's parameters or, from `jax.eval_shape`, their shapes.
      source: what the weights are called in messages.

    Raises:
      UserError: not a single parameter fits.
    """
    given, wanted = (flatten_dict(dict(tree), sep="/") for tree in (weights, model))
    shape = lambda x: tuple(np.shape(x)) if not hasattr(x, "shape") else tuple(x.shape)  # noqa: E731
    common = sorted(given.keys() & wanted.keys())
    taken = {name: given[name] for name in common if shape(given[name]) == shape(wanted[name])}
    if not taken:
        raise UserError(
            f"expected weights with parameters of this model in {source}, found none of its "
            f"{len(wanted)} among {len(given)}: start from weights of the same network, or anew"
        )
    lines = [f"+ {name} {shape(given[name])}" for name in sorted(given.keys() - wanted.keys())]
    lines += [f"- {name} {shape(wanted[name])}" for name in sorted(wanted.keys() - given.keys())]
    lines += [
        f"! {name} {shape(given[name])}, the model has {shape(wanted[name])}"
        for name in common
        if name not in taken
    ]
    if jax.process_index() == 0:
        text = f"start: {len(taken)} of {len(wanted)} parameters from {source}"
        if lines:
            more = [f"... and {len(lines) - LISTED} more"] if lines[LISTED:] else []
            text += " (+ only there, - only in the model, ! of another shape)"
            text = "\n  ".join([text, *lines[:LISTED], *more])
        print(text, file=sys.stderr)
    return taken


def overlaid(params: Params, taken: Mapping[str, np.ndarray]) -> Params:
    """Parameters with those of `fitting` in their places."""
    return unflatten_dict({**flatten_dict(dict(params), sep="/"), **taken}, sep="/")


def built_on(directory: str) -> dict[str, str]:
    """What a stage's description says of the weights that it builds on; "" names none."""
    return {BUILT_ON: content_hash(directory)} if directory else {}


def content_hash(directory: str | Path) -> str:
    """SHA-256 over the configuration and the parameters of a weights directory, in hex.

    Raises:
      UserError: a file is missing.
    """
    total = hashlib.sha256()
    for name in HASHED:
        try:
            with (Path(directory) / name).open("rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
        except OSError:
            raise UserError(
                f"expected a weights directory with {' and '.join(HASHED)}, found {directory} "
                f"without {name}: give a directory that training or a converter wrote"
            ) from None
    return total.hexdigest()


def check_built_on(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Compares the weights that a run began on with those that it would go on with.

    Args:
      before, now: descriptions of the stage, from the checkpoint and from the configuration.

    Raises:
      UserError: they are other weights, wherever they lie.
    """
    was, found = (values.get(BUILT_ON, "") for values in (before, now))
    if was != found:
        raise UserError(
            f"expected the weights that the run was built on (sha256 {was[:12] or 'none'}), found "
            f"others ({found[:12] or 'none'}): restore them, or begin a new run in another workdir"
        )
