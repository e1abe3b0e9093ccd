"""Devices as a mesh, and the two placements that data-parallel training needs.

The state is replicated and a batch is split over its leading axis. XLA inserts the all-reduce of
gradients, so that a stage is written as for one device. Eight devices and one give the same update
(tests/training/test_mesh.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

DATA_AXIS = "data"


def data_mesh(devices: Sequence[jax.Device] | None = None) -> Mesh:
    """A mesh with the single axis `data` over the devices given, or all of all processes."""
    devices = list(jax.devices() if devices is None else devices)
    return Mesh(np.asarray(devices), (DATA_AXIS,), axis_types=(AxisType.Auto,))


def replicated(mesh: Mesh) -> NamedSharding:
    """The sharding that keeps a full copy on every device."""
    return NamedSharding(mesh, PartitionSpec())


def split_over_batch(mesh: Mesh) -> NamedSharding:
    """The sharding that splits the leading axis into one equal part per device."""
    return NamedSharding(mesh, PartitionSpec(DATA_AXIS))


def place_batch(mesh: Mesh, batch: Any) -> Any:
    """Puts this process's rows of a batch on its devices, as parts of the global batch.

    Raises:
      ValueError: the rows of all processes cannot be split evenly over the devices.
    """
    sharding = split_over_batch(mesh)
    devices = mesh.devices.size
    rows = {leaf.shape[0] for leaf in jax.tree.leaves(batch)}
    for n in rows:
        if n * jax.process_count() % devices:
            raise ValueError(f"expected a batch divisible by {devices} devices, found {n} rows")
    return jax.tree.map(
        lambda x: jax.make_array_from_process_local_data(sharding, np.asarray(x)), batch
    )
