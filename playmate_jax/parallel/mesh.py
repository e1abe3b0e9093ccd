"""Devices as a mesh, and the two placements that data-parallel training needs.

The state is replicated, a batch is split over its leading axis; XLA adds the all-reduce of the
gradients by itself, so a stage is written as if there were one device. Eight devices and one give
the same update (tests/training/test_mesh.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

DATA_AXIS = "data"


def data_mesh(devices: Sequence[jax.Device] | None = None) -> Mesh:
    """One axis, `data`, over all given devices (default: every device of every process)."""
    devices = list(jax.devices() if devices is None else devices)
    return Mesh(np.asarray(devices), (DATA_AXIS,), axis_types=(AxisType.Auto,))


def replicated(mesh: Mesh) -> NamedSharding:
    """The same array on every device."""
    return NamedSharding(mesh, PartitionSpec())


def split_over_batch(mesh: Mesh) -> NamedSharding:
    """The leading axis cut into as many parts as there are devices."""
    return NamedSharding(mesh, PartitionSpec(DATA_AXIS))


def place_batch(mesh: Mesh, batch: Any) -> Any:
    """This process's rows of the batch, put on its devices as parts of the global batch."""
    sharding = split_over_batch(mesh)
    devices = mesh.devices.size
    rows = {leaf.shape[0] for leaf in jax.tree.leaves(batch)}
    for n in rows:
        if n * jax.process_count() % devices:
            raise ValueError(f"expected a batch that {devices} devices can share, found {n} rows")
    return jax.tree.map(
        lambda x: jax.make_array_from_process_local_data(sharding, np.asarray(x)), batch
    )
