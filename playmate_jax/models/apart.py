"""Functions that XLA:CPU compiles apart from what surrounds them.

XLA fuses element-wise work into its consumers, once for each of them. On a CPU that costs more than
it saves where the work is large or the consumer addresses memory in a complicated way: the backward
pass of a gated linear unit computed a convolution of 31 taps twice, element by element, in 44 ms
instead of 3. Optimisation barriers do not help, they are dropped before fusion; a call that is not
to be inlined does.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
from jax.experimental.xla_metadata import set_xla_metadata


def apart(*static: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorates a function of arrays whose results are to be in memory once, on a CPU.

    Args:
      static: positions of arguments that are not arrays.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        def body(*arguments: Any) -> Any:
            with jax.disable_jit():  # jnp.where and its like would be calls of their own
                return function(*arguments)

        compiled = jax.jit(functools.wraps(function)(body), static_argnums=static)

        @functools.wraps(function)
        def call(*arguments: Any) -> Any:
            if jax.default_backend() != "cpu":
                return function(*arguments)
            with set_xla_metadata(inlineable="false"):
                return compiled(*arguments)

        return call

    return decorate
