"""What a run would need, without training: parameters, shardings, memory, FLOPs, compile time."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from playmate_jax.parallel.compilation import program_lines
from playmate_jax.parallel.executors import Executor
from playmate_jax.training.stage import Stage
from playmate_jax.training.tables import parameter_table
from playmate_jax.training.update import Carry, keys, update_of


@dataclasses.dataclass(frozen=True)
class DryRun:
    """Figures of a stage's compiled step, per device where memory is concerned.

    Attributes:
      carry: shapes of the state, with shardings.
      state_bytes, batch_bytes: of the state and of a batch's rows on one device.
      temporary_bytes: what the step needs beside them, at its peak.
      peak_bytes: all three: the least memory a device must have.
      compile_s: to lower and compile, with what the persistent cache had.
      hlo_lines: of the compiled program.
      flops: of one step on the whole batch.
    """

    carry: Any
    state_bytes: int
    batch_bytes: int
    temporary_bytes: int
    peak_bytes: int
    compile_s: float
    hlo_lines: int
    flops: float

    def text(self, stage: Stage) -> str:
        """Tables and figures for people."""
        state = self.carry.state
        devices, hosts = len(jax.devices()), jax.process_count()
        gib = 2.0**30
        lines = [
            f"{stage.name} on {devices} x {jax.devices()[0].device_kind}, {hosts} process(es)",
            "",
            parameter_table(state),
            "",
            *stage.notes,
            "memory of a device, GiB:",
            f"  state {self.state_bytes / gib:.3f}, batch {self.batch_bytes / gib:.3f}, "
            f"temporary {self.temporary_bytes / gib:.3f}; at its peak {self.peak_bytes / gib:.3f}",
            f"compiled in {self.compile_s:.1f} s: {self.hlo_lines:,} lines of HLO",
        ]
        if self.flops:
            lines.append(f"{self.flops / 1e12:.3f} TFLOP a step, {stage.frames} frames")
        return "\n".join(lines)


def dry_run(stage: Stage, executor: Executor, batch: Any, seed: int = 0) -> DryRun:
    """Compiles the stage's step for shapes alone.

    Args:
      batch: this process's rows of one batch.
    """
    shapes = jax.eval_shape(lambda key: Carry(stage.init(key), jnp.int32(0)), keys(seed)[0])
    carry = jax.tree.map(
        lambda x, where: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=where),
        shapes,
        executor.shardings(shapes),
    )
    placed = executor.place(batch)
    requests = executor.place(np.zeros(jax.local_device_count(), np.int32))
    start = time.perf_counter()
    step = executor.compiled(update_of(stage, keys(seed)[1]), carry, placed, requests, np.int32(0))
    seconds = time.perf_counter() - start
    memory = step.memory_analysis()
    state_bytes = sum(_bytes_here(leaf) for leaf in jax.tree.leaves(carry))
    return DryRun(
        carry=carry,
        state_bytes=state_bytes,
        batch_bytes=memory.argument_size_in_bytes - state_bytes,
        temporary_bytes=memory.temp_size_in_bytes,
        peak_bytes=memory.argument_size_in_bytes
        + memory.output_size_in_bytes
        - memory.alias_size_in_bytes
        + memory.temp_size_in_bytes,
        compile_s=seconds,
        hlo_lines=program_lines(step.as_text()),
        flops=stage.flops,
    )


def _bytes_here(leaf: Any) -> int:
    """Bytes of an array on one of its devices."""
    shape = leaf.sharding.shard_shape(leaf.shape)
    return int(np.prod(shape)) * leaf.dtype.itemsize
