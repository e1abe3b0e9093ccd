"""Detects a checkpoint's family: its names are compared with every row of the registry."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from flax.errors import FlaxError

from playmate_jax.converters.family import Family, Form
from playmate_jax.converters.registry import FAMILIES, by_config
from playmate_jax.converters.rules import Ignored, Rule, Table, renamed
from playmate_jax.converters.state_files import Checkpoint
from playmate_jax.errors import UserError

# What sizes read from other names, or from damaged shapes, end in.
NONSENSE = (KeyError, IndexError, ValueError, TypeError, ZeroDivisionError, FlaxError)
ENOUGH = 0.5  # share of names from which on a checkpoint is taken for a family's


@dataclass(frozen=True)
class Match:
    """How well a checkpoint fits a family.

    Attributes:
      part: the one network of the family that it holds, or "" for names as the table has them.
      share: names that both have, of all names that either has.
      extra, missing: names of the checkpoint alone, and of the family alone.
    """

    family: Family
    part: str
    share: float
    extra: list[str]
    missing: list[str]

    @property
    def name(self) -> str:
        """The family, and the network where it is one of several."""
        return f"{self.family.name} ({self.part})" if self.part else self.family.name


def detect(checkpoint: Checkpoint, wanted: Family | None = None) -> Match:
    """The family of a checkpoint; `wanted`, where given, is checked instead of detected.

    Raises:
      UserError: it fits no family; names the nearest one and the first names that differ.
    """
    own = checkpoint.metadata.get("config")
    rows = (wanted,) if wanted else (by_config(own, str(checkpoint.path))[0],) if own else FAMILIES
    stated = checkpoint.metadata.get("transformers", {}).get("model_type")
    if stated in {row.name for row in rows}:  # the two speech encoders have the same names
        rows = tuple(row for row in rows if row.name == stated)
    best: Match | None = None
    for row in rows:
        for part in ("", *row.parts):
            found = match(checkpoint, row, part)
            if best is None or found.share > best.share:
                best = found
        if best and best.share == 1:  # less may be another's: two kinds of ResNet share most names
            break
    assert best is not None  # there is a row
    if best.share < ENOUGH:
        differing = [f"+ {name}" for name in best.extra[:3]]
        differing += [f"- {name}" for name in best.missing[:3]]
        raise UserError(
            f"expected {wanted.name if wanted else 'a known network'} in {checkpoint.path}, found "
            f"another; the nearest is {best.name}: {best.share:.0%} of the names match, and these "
            f"differ first (+ only in the checkpoint, - only there): {', '.join(differing)}"
        )
    return best


def match(checkpoint: Checkpoint, family: Family, part: str) -> Match:
    """How well a checkpoint fits one network of a family; `part` is put in front of its names."""
    prefix = f"{part}." if part else ""
    state = checkpoint.state
    named = {prefix + new: name for name in state if (new := family.rename(name)) is not None}
    table = _table(checkpoint, family, {new: np.shape(state[name]) for new, name in named.items()})
    table = [entry for entry in table if entry.source.startswith(prefix)]
    if family.parts and not part:
        parts = {name.partition(".")[0] for name in named}
        table = [e for e in table if e.source.partition(".")[0] in parts] or table
    known = [entry.source for entry in table if isinstance(entry, Rule)]
    ignored = {entry.source for entry in table if isinstance(entry, Ignored)}
    found = [name for name in named if name not in ignored]
    both = len(set(found) & set(known))
    return Match(
        family,
        part,
        both / max(1, len(set(found) | set(known))),
        [name.removeprefix(prefix) for name in found if name not in set(known)],
        [name.removeprefix(prefix) for name in known if name not in set(found)],
    )


def _table(checkpoint: Checkpoint, family: Family, shapes: Mapping[str, tuple[int, ...]]) -> Table:
    """The family's table at the size that the checkpoint says or shows, or else at its own."""
    own = checkpoint.metadata.get("config")
    try:
        return family.table(family.config_from(own, "") if own else family.sizes(shapes))
    except NONSENSE:  # other names, or damage
        return family.table(family.config_class())


def named_state(checkpoint: Checkpoint, found: Match) -> dict[str, np.ndarray]:
    """The checkpoint's tensors under the table's names.

    Raises:
      UserError: a tensor that is there twice under different names.
    """
    prefix = f"{found.part}." if found.part else ""
    state = renamed(checkpoint.state, found.family.rename)
    return {prefix + name: value for name, value in state.items()}


def form_of(checkpoint: Checkpoint, found: Match, state: Mapping[str, np.ndarray]) -> Form:
    """The family at the checkpoint's size."""
    shapes = {name: np.shape(value) for name, value in state.items()}
    try:
        return Form.of(found.family, found.family.config(shapes, checkpoint.metadata), state)
    except UserError:
        raise
    except NONSENSE:  # of damaged shapes; what is wrong shows against the usual size
        return Form.of(found.family, found.family.config_class(), state)
