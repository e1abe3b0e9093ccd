"""The engine of weight conversion: a table of reversible rules between two trees of names.

A `Rule` moves one PyTorch tensor to one leaf of a Flax tree by an `Op`, which carries its inverse;
a table is a list of rules and of `Ignored` names, in PyTorch's order, built of `layers.py`. Layers
that Flax stacks on a leading axis are one leaf with a rule per row. NumPy only.

`to_flax` and `to_torch` refuse anything but an exact fit and report every problem in one message:
`+` is only in the checkpoint, `-` only in the model, `!` fits neither in shape.
Nothing is computed on the values, so a round trip is exact to the bit. Ignored tensors (counters
of training steps) come back separately and are restored from there, or from their default.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from playmate_jax.errors import UserError

# How far a computed tensor may be from ours, of its largest number: bfloat16 rounds by 2^-9.
COMPUTED = 1e-2
Arrays = Mapping[str, np.ndarray]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Op:
    """A change of layout and its inverse."""

    name: str
    forward: Callable[[np.ndarray], np.ndarray]
    inverse: Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Rule:
    """One tensor: PyTorch's name, the path in the Flax tree, the change between them.

    `row` is the tensor's place on the leading axis of a leaf that stacks layers.
    """

    source: str
    target: str
    op: Op
    row: int | None = None


@dataclass(frozen=True)
class Ignored:
    """A tensor that the model does not use, with what an export writes when none was kept.

    `computed`: it follows from the configuration, so a different value means a different model.
    """

    source: str
    default: np.ndarray
    computed: bool = False


Table = list[Rule | Ignored]


def renamed(state: Mapping[str, Any], rename: Callable[[str], str | None]) -> dict[str, Any]:
    """The state dict under other names; None leaves a tensor out.

    Raises:
      UserError: tensors that would share a name; all are listed.
    """
    origins: dict[str, list[str]] = {}
    for name in state:
        if (new := rename(name)) is not None:
            origins.setdefault(new, []).append(name)
    problems = [
        f"! {new} is there twice, as {' and '.join(names)}"
        for new, names in origins.items()
        if len(names) > 1
    ]
    _raise_if(problems, "the checkpoint does not fit the model")
    return {new: state[names[0]] for new, names in origins.items()}


def to_flax(
    table: Table,
    state: Arrays,
    shapes: Mapping[str, Sequence[int]],
    progress: Progress | None = None,
) -> tuple[dict, dict]:
    """A PyTorch state dict as flat Flax leaves ("params/first/conv/kernel" -> array).

    Args:
      state: PyTorch's names to arrays.
      shapes: every leaf of the Flax tree to its shape.
      progress: called with (tensors done, tensors in all).

    Returns:
      The leaves, and the ignored tensors by their PyTorch names.

    Raises:
      UserError: names or shapes differ anywhere, or a value is not finite; all are listed.
    """
    check_table(table)
    rules = [entry for entry in table if isinstance(entry, Rule)]
    ignored = {entry.source for entry in table if isinstance(entry, Ignored)}
    problems = _differences(set(state) - ignored, {rule.source for rule in rules})
    problems += _differences({rule.target for rule in rules}, set(shapes), "leaf ")
    rows = Counter(rule.target for rule in rules if rule.row is not None)
    for target, n in rows.items():
        if target in shapes and shapes[target][0] != n:
            problems.append(f"! leaf {target} stacks {shapes[target][0]} layers, the table {n}")
    problems += [
        f"! {entry.source} is not what the configuration gives"
        for entry in table
        if isinstance(entry, Ignored) and entry.computed and not _same(entry, state)
    ]
    leaves: dict[str, np.ndarray] = {}
    for done, rule in enumerate(rules, 1):
        if rule.source not in state or rule.target not in shapes:
            continue
        value, expected = state[rule.source], tuple(shapes[rule.target])
        expected = expected if rule.row is None else expected[1:]
        if not isinstance(value, np.ndarray):
            problems.append(f"! {rule.source} is no tensor but a {type(value).__name__}")
            continue
        try:
            moved = rule.op.forward(value)
        except ValueError:  # another number of axes, or a size that the window does not divide
            moved = None
        if moved is None or moved.shape != expected:
            problems.append(f"! {rule.source} {value.shape} does not become {expected}")
        elif not np.isfinite(value).all():
            problems.append(f"! {rule.source} holds values that are not finite")
        elif rule.row is None:
            leaves[rule.target] = np.ascontiguousarray(moved)
        elif not problems:
            whole = leaves.setdefault(rule.target, np.empty(shapes[rule.target], value.dtype))
            if whole.dtype != value.dtype:
                problems.append(f"! {rule.source} is {value.dtype}, other layers {whole.dtype}")
            whole[rule.row] = moved
        if progress:
            progress(done, len(rules))
    _raise_if(problems, "the checkpoint does not fit the model")
    return leaves, {name: state[name] for name in sorted(ignored & set(state))}


def to_torch(
    table: Table,
    leaves: Arrays,
    kept: Arrays | None = None,
    progress: Progress | None = None,
) -> dict[str, np.ndarray]:
    """The inverse of `to_flax`: a PyTorch state dict in the table's order.

    Args:
      kept: the ignored tensors that `to_flax` returned; the defaults where absent.
      progress: called with (tensors done, tensors in all).
    """
    check_table(table)
    targets = {entry.target for entry in table if isinstance(entry, Rule)}
    _raise_if(_differences(set(leaves), targets), "the tree does not fit the table")
    kept = kept or {}
    state = {}
    for done, entry in enumerate(table, 1):
        if isinstance(entry, Rule):
            leaf = leaves[entry.target]
            leaf = leaf if entry.row is None else leaf[entry.row]
            state[entry.source] = np.ascontiguousarray(entry.op.inverse(leaf))
        else:
            state[entry.source] = np.asarray(kept.get(entry.source, entry.default))
        if progress:
            progress(done, len(table))
    return state


def check_table(table: Table) -> None:
    """Raises ValueError unless every source and every target has exactly one rule."""
    sources = Counter(entry.source for entry in table)
    targets = Counter((e.target, e.row) for e in table if isinstance(e, Rule))
    twice = [name for name, n in sources.items() if n > 1]
    twice += [target for (target, _), n in targets.items() if n > 1]
    if twice:
        raise ValueError(f"the table has several rules for: {', '.join(twice)}")


def _same(entry: Ignored, state: Arrays) -> bool:
    """Whether a computed tensor, if it is there, is ours but for rounding."""
    ours, theirs = entry.default, state.get(entry.source, entry.default)
    if not isinstance(theirs, np.ndarray) or theirs.shape != ours.shape:
        return False
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    return bool(np.abs(ours - theirs).max(initial=0) <= COMPUTED * np.abs(ours).max(initial=0))


def _differences(found: set[str], known: set[str], what: str = "") -> list[str]:
    lines = [f"+ {what}{name}" for name in sorted(found - known)]
    return lines + [f"- {what}{name}" for name in sorted(known - found)]


def _raise_if(problems: list[str], headline: str) -> None:
    if problems:
        lines = "\n  ".join(sorted(problems, key=lambda line: re.sub(r"^. ", "", line)))
        raise UserError(
            f"{headline} (+ only in the checkpoint, - only in the model, ! shape or value):"
            f"\n  {lines}"
        )
