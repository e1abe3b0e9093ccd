"""Devices as a mesh of the axes `data` and `fsdp`, and where each array of a state lies on it.

The rows of a batch are divided over both axes. Parameters, with their EMA and the optimiser's
memory, are divided over `fsdp` alone; with `fsdp` 1 every device has a copy. What is divided is a
table of regular expressions over names, the same vocabulary that freezing and weight decay use, and
it must cover every name.
"""

import re
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from playmate_jax.errors import UserError

DATA_AXIS, FSDP_AXIS = "data", "fsdp"
DIVIDED, COPIED = "divided", "copied"
Rules = tuple[tuple[str, str], ...]
# Kernels hold nearly all numbers; what else there is costs more to gather than to keep.
RULES: Rules = (
    (r"(^|/)kernel$", DIVIDED),
    (r"(^|/)(vectors|bias|scale|mean|var|u|v|sigma|embedding|count|failed_at|null_\w+)$", COPIED),
)


def device_mesh(devices: Sequence[jax.Device] | None = None, fsdp: int = 1) -> Mesh:
    """A mesh (data, fsdp) over the devices given, or all of all processes.

    Raises:
      UserError: `fsdp` does not divide the number of devices.
    """
    devices = list(jax.devices() if devices is None else devices)
    if fsdp < 1 or len(devices) % fsdp:
        raise UserError(
            f"expected --fsdp to divide the {len(devices)} devices, found {fsdp}: take a divisor"
        )
    grid = np.asarray(devices).reshape(-1, fsdp)
    return Mesh(grid, (DATA_AXIS, FSDP_AXIS), axis_types=(AxisType.Auto,) * 2)


def over_rows(mesh: Mesh) -> NamedSharding:
    """The sharding that divides the leading axis over all devices."""
    return NamedSharding(mesh, PartitionSpec(mesh.axis_names))


def everywhere(mesh: Mesh) -> NamedSharding:
    """The sharding that keeps a full copy on every device."""
    return NamedSharding(mesh, PartitionSpec())


def path_name(path: tuple) -> str:
    """The name of a leaf of a tree: `params/block_3/attention/query/kernel`."""
    return "/".join(str(getattr(k, "key", getattr(k, "idx", getattr(k, "name", k)))) for k in path)


def shardings(tree: Any, mesh: Mesh, rules: Rules = RULES) -> Any:
    """A sharding for each leaf of `tree` (arrays or their shapes): the first rule whose pattern is
    found in its name decides. A divided leaf is divided along its largest axis that `fsdp` divides,
    and copied if there is none.

    Raises:
      ValueError: no rule covers a leaf; lists all of them.
    """
    parts = dict(zip(mesh.axis_names, mesh.devices.shape, strict=True)).get(FSDP_AXIS, 1)
    uncovered = []

    def spec(path: tuple, leaf: Any) -> NamedSharding:
        name = path_name(path)
        rule = next((kind for pattern, kind in rules if re.search(pattern, name)), None)
        if rule is None:
            uncovered.append(name)
        axis = _largest_axis(leaf.shape, parts) if rule == DIVIDED else None
        return NamedSharding(mesh, PartitionSpec() if axis is None else _along(axis))

    found = jax.tree_util.tree_map_with_path(spec, tree)
    if uncovered:
        raise ValueError(f"no sharding rule covers {', '.join(uncovered)}: add one")
    return found


def _largest_axis(shape: tuple[int, ...], parts: int) -> int | None:
    fits = [axis for axis, n in enumerate(shape) if n % parts == 0]
    return max(fits, key=lambda axis: shape[axis]) if fits and parts > 1 else None


def _along(axis: int) -> PartitionSpec:
    return PartitionSpec(*[None] * axis, FSDP_AXIS)


def check_rows(batch: Any, devices: int) -> None:
    """Refuses rows that the devices of this process cannot share evenly.

    Raises:
      UserError: says how many rows there are and what would fit.
    """
    for n in {leaf.shape[0] for leaf in jax.tree.leaves(batch)}:
        if n % devices:
            every = devices * jax.process_count()
            raise UserError(
                f"expected a batch that {every} devices can share evenly, found "
                f"{n * jax.process_count()} rows: take a multiple of {every} as batch size"
            )
