"""What a training step knows about the devices that it runs on.

A step is written once, for `Share`, and gives the same numbers however its batch is divided: over
the devices of a mesh (the compiler divides it), over those of `jax.pmap` (the step sees one part),
and over microbatches. Two rules make it so. A loss returns sums and counts (`Mean`), never a mean
of its own rows: the mean of means is wrong where parts have different numbers of valid frames. And
every random number is drawn with the key of its row of the global batch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import flax.struct
import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray

from playmate_jax.errors import UserError

Tree = TypeVar("Tree")
Rest = TypeVar("Rest")


@flax.struct.dataclass
class Mean:
    """A mean that can be put together from parts: the sum of some values, and their number or the
    sum of their weights."""

    total: Any  # () float; while a tree is rebuilt, whatever stands in its place
    count: Any  # () float or int

    def value(self) -> Float[Array, ""]:
        """The mean; 0 where there was nothing to take it of."""
        return self.total / jnp.maximum(self.count, 1)


Terms = Mapping[str, Mean]
# (parameters, batch of n rows, (n,) keys of its rows) -> the terms of the loss
Loss = Callable[[Any, Any, Key[Array, " n"]], Terms]
# The same with whatever else the step needs of it: new statistics, arrays of rows.
LossAndRest = Callable[[Any, Any, Key[Array, " n"]], tuple[Terms, Rest]]


@dataclasses.dataclass(frozen=True)
class Share:
    """The part of a global batch that a step sees.

    Attributes:
      axis: the name of `jax.pmap`'s axis; None: the step sees the whole batch.
      mesh: devices that the compiler spreads the batch's rows over; None: one device, or pmap.
      microbatches: parts that the batch is processed in, one after another.
    """

    axis: str | None = None
    mesh: Mesh | None = None
    microbatches: int = 1

    def sum(self, tree: Tree) -> Tree:
        """Sums over all parts; the identity where the step sees the whole batch."""
        return tree if self.axis is None else jax.lax.psum(tree, self.axis)

    def largest(self, values: Int[Array, " n"]) -> Int[Array, ""]:
        """The largest of some integers that each device has one of, over all parts."""
        largest = jnp.max(values)
        return largest if self.axis is None else jax.lax.pmax(largest, self.axis)

    def rows(self, n: int) -> Int[Array, " n"]:
        """The numbers of this part's n rows in the global batch."""
        first = 0 if self.axis is None else jax.lax.axis_index(self.axis) * n
        return first + jnp.arange(n)

    def row_keys(self, key: PRNGKeyArray, n: int) -> Key[Array, " n"]:
        """A key for each of this part's n rows."""
        return jax.vmap(lambda row: numbered(key, row, -1))(self.rows(n))

    def gradients(
        self, loss: Loss, weights: Mapping[str, float], params: Tree, batch: Any, key: PRNGKeyArray
    ) -> tuple[Tree, dict[str, Float[Array, ""]]]:
        """The gradient of the weighted sum of the loss's terms over the global batch.

        Args:
          weights: of the terms that are to be made small; other terms are only reported.
          key: of this step; rows derive theirs from it.

        Returns:
          the gradient, and by name the mean of every term and "loss", their weighted sum.
        """
        rows = (batch, self.row_keys(key, _leading(batch)))

        def objective(params: Tree, rows: Any, counts: Mapping[str, Array] | None):
            terms = loss(params, *rows)
            if counts is None:
                counts = self.sum(_counts(terms))
            return _weighted(terms, counts, weights), (_totals(terms), counts)

        gradient = jax.grad(objective, has_aux=True)
        if self.microbatches == 1:
            gradients, (totals, counts) = gradient(params, rows, None)
        else:
            # Of the whole batch's terms only the counts are used: the network is not evaluated.
            counts = self.sum(_counts(loss(jax.lax.stop_gradient(params), *rows)))

            def add(sums, part):
                found, (totals, _) = gradient(params, part, counts)
                return jax.tree.map(jnp.add, sums, (found, totals)), None

            zeros = jax.eval_shape(lambda part: gradient(params, part, counts), _first(rows, self))
            zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), (zeros[0], zeros[1][0]))
            (gradients, totals), _ = jax.lax.scan(add, zeros, self._split(rows))
        gradients, totals = self.sum((gradients, totals))
        return gradients, _means(totals, counts, weights)

    def gradients_and_rest(
        self,
        loss: LossAndRest[Rest],
        weights: Mapping[str, float],
        params: Tree,
        batch: Any,
        key: PRNGKeyArray,
    ) -> tuple[Tree, dict[str, Float[Array, ""]], Rest]:
        """`gradients` of a loss that gives more than its terms, and that of this part's rows.

        Args:
          loss: whatever of its rest is to be the same on all devices must be so by itself.

        Raises:
          UserError: microbatches, whose statistics would not be those of the batch.
        """
        if self.microbatches > 1:
            raise UserError(
                "expected no --accumulate with networks that take statistics of the whole batch, "
                f"found {self.microbatches}: leave it out, and use remat or more devices"
            )

        def objective(params: Tree):
            terms, rest = loss(params, batch, self.row_keys(key, _leading(batch)))
            counts = self.sum(_counts(terms))
            return _weighted(terms, counts, weights), (_totals(terms), counts, rest)

        gradients, (totals, counts, rest) = jax.grad(objective, has_aux=True)(params)
        gradients, totals = self.sum((gradients, totals))
        return gradients, _means(totals, counts, weights), rest

    def _split(self, rows: Tree) -> Tree:
        """Rows (n, ...) as microbatches (m, n / m, ...), each with an equal part of every device's
        rows."""
        devices = 1 if self.mesh is None else self.mesh.size
        m = self.microbatches

        def split(x: Array) -> Array:
            parts = x.reshape(devices, m, -1, *x.shape[1:]).swapaxes(0, 1)
            parts = parts.reshape(m, -1, *x.shape[1:])
            if self.mesh is None:
                return parts
            spec = PartitionSpec(None, self.mesh.axis_names)
            return jax.lax.with_sharding_constraint(parts, NamedSharding(self.mesh, spec))

        return jax.tree.map(split, rows)


ALONE = Share()


def numbered(key: PRNGKeyArray, number: Any, word: int) -> PRNGKeyArray:
    """The key with a number in one of its words: different numbers give different keys, and keys
    that differ in one bit independent draws, as `jax.random.key(0)` and `key(1)` do. A `fold_in`
    would be 130 lines of HLO to compile for the same."""
    data = jax.random.key_data(key)
    data = data.at[word].set(data[word] ^ jnp.asarray(number).astype(data.dtype))
    return jax.random.wrap_key_data(data, impl=jax.random.key_impl(key))


def _counts(terms: Terms) -> dict[str, Array]:
    return {name: jax.lax.stop_gradient(term.count) for name, term in terms.items()}


def _totals(terms: Terms) -> dict[str, Array]:
    return {name: term.total for name, term in terms.items()}


def _weighted(
    terms: Terms, counts: Mapping[str, Array], weights: Mapping[str, float]
) -> Float[Array, ""]:
    """This part's share of the weighted sum of the terms' means."""
    parts = [w * terms[name].total / jnp.maximum(counts[name], 1) for name, w in weights.items()]
    return jnp.sum(jnp.stack(parts))


def _means(
    totals: Mapping[str, Array], counts: Mapping[str, Array], weights: Mapping[str, float]
) -> dict[str, Float[Array, ""]]:
    """The mean of every term by name, and "loss", their weighted sum."""
    means = {name: Mean(totals[name], counts[name]).value() for name in totals}
    return {"loss": sum(w * means[name] for name, w in weights.items()), **means}


def _leading(batch: Any) -> int:
    return jax.tree.leaves(batch)[0].shape[0]


def _first(rows: Tree, share: Share) -> Tree:
    """Shapes of the first microbatch's arrays."""
    return jax.tree.map(lambda x: x[: x.shape[0] // share.microbatches], rows)
