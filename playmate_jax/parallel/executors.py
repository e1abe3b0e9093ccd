"""Two ways to run one step on many devices: the compiler's (`MeshExecutor`) and `jax.pmap`'s.

Both give the same numbers (tests/training/test_executors.py). The mesh is the default, and the only
one that can divide the parameters (`fsdp`). pmap gives each device its own rows and a copy of the
state, and sums gradients explicitly; its state is copied on every device, of this process alone.

A step is a function (carry, batch, requests, number) -> (carry, outputs) made for a `Share`; it
donates its carry.
"""

import functools
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from playmate_jax.errors import UserError
from playmate_jax.parallel.mesh import (
    RULES,
    Rules,
    check_rows,
    device_mesh,
    everywhere,
    over_rows,
    shardings,
)
from playmate_jax.parallel.share import Share

EXECUTORS = ("mesh", "pmap")
Step = Callable[[Any, Any, Any, Any], tuple[Any, Any]]


@runtime_checkable
class Executor(Protocol):
    """What the loop needs of either way."""

    def compiled(self, make: Callable[[Share], Step], carry: Any, *inputs: Any) -> Any:
        """The compiled step for arguments of these shapes; it has `memory_analysis()`."""

    def initial(self, init: Callable[[Any], Any], key: Any) -> Any:
        """A state made on the devices, as the step takes it."""

    def place(self, batch: Any) -> Any:
        """This process's rows of a batch, on its devices. Raises UserError if they cannot be
        shared evenly."""

    def shardings(self, shapes: Any) -> Any:
        """Where a checkpoint is to be restored to."""

    def saved(self, state: Any) -> Any:
        """The state as arrays of the whole job, for a checkpoint; not copied."""

    def restored(self, state: Any) -> Any:
        """The inverse of `saved`: the state as the step takes it."""

    def local(self, tree: Any) -> Any:
        """A full copy on one device of this process. All processes must call it."""


class MeshExecutor:
    """`jax.jit` over a mesh; the compiler divides the step and inserts the collectives."""

    def __init__(self, mesh: Mesh | None = None, microbatches: int = 1, rules: Rules = RULES):
        self.mesh = mesh or device_mesh()
        self.rules = rules
        self.share = Share(
            mesh=self.mesh if self.mesh.size > 1 else None, microbatches=microbatches
        )

    def compiled(self, make: Callable[[Share], Step], carry: Any, *inputs: Any) -> Any:
        """Compiles the step under `jax.jit`; XLA divides it and inserts the collectives."""
        where = (self.shardings(carry), everywhere(self.mesh))
        step = jax.jit(make(self.share), donate_argnums=0, out_shardings=where)
        return step.lower(carry, *inputs).compile()

    def initial(self, init: Callable[[Any], Any], key: Any) -> Any:
        """Makes a state of `init(key)`, each array where the rules say."""
        where = self.shardings(jax.eval_shape(init, key))
        return jax.jit(init, out_shardings=where)(key)

    def place(self, batch: Any) -> Any:
        """Puts this process's rows on its devices, as parts of one global array."""
        check_rows(batch, self.mesh.local_mesh.size)
        rows = over_rows(self.mesh)
        put = functools.partial(jax.make_array_from_process_local_data, rows)
        return jax.tree.map(lambda x: put(np.asarray(x)), batch)

    def shardings(self, shapes: Any) -> Any:
        """A sharding for each array by the rules; raises ValueError if none covers it."""
        return shardings(shapes, self.mesh, self.rules)

    def saved(self, state: Any) -> Any:
        """The state itself: its arrays are global already."""
        return state

    def restored(self, state: Any) -> Any:
        """The state itself: it was restored to where the step takes it."""
        return state

    def local(self, tree: Any) -> Any:
        """Gathers what is divided, and gives the copy of one device."""
        if not all(leaf.is_fully_replicated for leaf in jax.tree.leaves(tree)):
            tree = jax.jit(lambda x: x, out_shardings=everywhere(self.mesh))(tree)
        return jax.tree.map(lambda leaf: leaf.addressable_data(0), tree)


class PmapExecutor:
    """`jax.pmap` over the devices of all processes, an equal number of rows on each."""

    AXIS = "devices"

    def __init__(self, microbatches: int = 1):
        self.share = Share(axis=self.AXIS, microbatches=microbatches)
        self.here = Mesh(np.asarray(jax.local_devices()), (self.AXIS,))
        self.mesh = Mesh(np.asarray(jax.devices()), (self.AXIS,))

    def compiled(self, make: Callable[[Share], Step], carry: Any, *inputs: Any) -> Any:
        """Compiles the step under `jax.pmap`; in a job of several processes its first call does."""
        step = jax.pmap(
            make(self.share),
            axis_name=self.AXIS,
            in_axes=(None, 0, 0, None),
            out_axes=None,  # type: ignore[arg-type]
            donate_argnums=0,
        )
        if jax.process_count() > 1:
            return step  # compiled by its first call: pmap takes local arrays, its program global
        return step.lower(carry, *inputs).compile()

    def initial(self, init: Callable[[Any], Any], key: Any) -> Any:
        """Makes a state of `init(key)`, copied on every device of this process."""
        return jax.jit(init, out_shardings=everywhere(self.here))(key)

    def place(self, batch: Any) -> Any:
        """Gives each device of this process equally many rows: (devices, rows, ...)."""
        check_rows(batch, self.here.size)
        where = NamedSharding(self.here, PartitionSpec(self.AXIS))

        def put(x: Any) -> Any:
            x = np.asarray(x)
            return jax.device_put(x.reshape(self.here.size, -1, *x.shape[1:]), where)

        return jax.tree.map(put, batch)

    def shardings(self, shapes: Any) -> Any:
        """Copies on all devices of the job, whatever the array is."""
        return jax.tree.map(lambda _: everywhere(self.mesh), shapes)

    def saved(self, state: Any) -> Any:
        """The same copies as arrays of the whole job, which a checkpoint can hold."""
        return _moved(state, everywhere(self.mesh))

    def restored(self, state: Any) -> Any:
        """The same copies as arrays of this process alone, which pmap takes."""
        return _moved(state, everywhere(self.here))

    def local(self, tree: Any) -> Any:
        """The copy of one device; nothing is moved or waited for."""
        return jax.tree.map(lambda leaf: leaf.addressable_data(0), tree)


def executor(parallel: str = "mesh", fsdp: int = 1, microbatches: int = 1) -> Executor:
    """The executor of a name out of `EXECUTORS`, over all devices of all processes.

    Raises:
      UserError: another name, or pmap with divided parameters.
    """
    if parallel == "mesh":
        return MeshExecutor(device_mesh(fsdp=fsdp), microbatches)
    if parallel != "pmap":
        raise UserError(f"expected --parallel out of {', '.join(EXECUTORS)}, found '{parallel}'")
    if fsdp > 1:
        raise UserError(f"expected --fsdp 1 with --parallel pmap, found {fsdp}: take mesh")
    return PmapExecutor(microbatches)


def _moved(state: Any, where: NamedSharding) -> Any:
    """The same copies of each array as an array of another set of devices."""

    def moved(leaf: Any) -> Any:
        copies = [shard.data for shard in leaf.addressable_shards]
        return jax.make_array_from_single_device_arrays(leaf.shape, where, copies)

    return jax.tree.map(moved, state)
