"""Tables at the start of a run: what is trained, how large it is, and where it lies."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import NamedSharding

from playmate_jax.parallel.mesh import path_name

LONGEST = 60  # rows; a longer table is folded


class Row(NamedTuple):
    """One array, or several folded into one: name, shape, count, number format, placement."""

    name: str
    shape: str
    size: int
    dtype: str
    sharding: str


def parameter_table(params: Any, shardings: Any = None, longest: int = LONGEST) -> str:
    """Every array of a tree as a line of text: name, shape, count, dtype, sharding; then the total.

    Args:
      params: arrays or their shapes (`jax.eval_shape`).
      shardings: one for each of them, in the same tree; None: as the arrays lie, if they do.
      longest: where there are more rows, neighbours are folded by the beginning of their names, so
        little that it fits.
    """
    leaves = jax.tree_util.tree_leaves_with_path(params)
    places = [getattr(leaf, "sharding", None) for _, leaf in leaves]
    if shardings is not None:
        places = jax.tree.leaves(shardings, is_leaf=lambda x: isinstance(x, jax.sharding.Sharding))
    rows = [
        Row(path_name(path), _shape(leaf.shape), _size(leaf), str(leaf.dtype), spec_text(place))
        for (path, leaf), place in zip(leaves, places, strict=True)
    ]
    total = sum(row.size for row in rows)
    size = sum(_size(leaf) * np.dtype(leaf.dtype).itemsize for _, leaf in leaves)
    lines = [(*row[:2], f"{row.size:,}", *row[3:]) for row in folded(rows, longest)]
    lines.append(("total", "", f"{total:,}", f"{size / 2**20:,.1f} MiB", ""))
    heads = ("name", "shape", "count", "dtype", "sharding")
    return aligned([heads, *lines], right=(2,))


def folded(rows: Sequence[Row], longest: int) -> list[Row]:
    """At most `longest` rows where possible: those whose names begin alike become one."""
    depth = max((row.name.count("/") + 1 for row in rows), default=1)
    groups: dict[str, list[Row]] = {row.name: [row] for row in rows}
    while len(groups) > longest and depth > 1:
        depth -= 1
        groups = {}
        for row in rows:
            groups.setdefault("/".join(row.name.split("/")[:depth]), []).append(row)
    return [_fold(prefix, members) for prefix, members in groups.items()]


def spec_text(sharding: Any) -> str:
    """A sharding as text: the mesh axes that split each axis ("-": none), or "copied"."""
    if not isinstance(sharding, NamedSharding):
        return ""
    axes = [
        "+".join(part) if isinstance(part, tuple) else part or "-" for part in sharding.spec
    ]  # fmt: skip
    return f"({', '.join(axes)})" if any(axis != "-" for axis in axes) else "copied"


def aligned(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Rows of texts as columns of equal width, two spaces between.

    Args:
      right: numbers of the columns that are aligned at their right edge.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            text.rjust(width) if n in right else text.ljust(width)
            for n, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
    return "\n".join(lines)


def _fold(prefix: str, rows: list[Row]) -> Row:
    if len(rows) == 1:
        return rows[0]
    dtypes, places = {row.dtype for row in rows}, {row.sharding for row in rows}
    return Row(
        f"{prefix}/*",
        f"{len(rows)} arrays",
        sum(row.size for row in rows),
        ", ".join(sorted(dtypes)),
        places.pop() if len(places) == 1 else "several",
    )


def _shape(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "()"


def _size(leaf: Any) -> int:
    return int(np.prod(leaf.shape, dtype=np.int64))
