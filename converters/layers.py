"""Rules of common layers: how PyTorch lays out a tensor, and where Flax keeps it.

Ops are changes of axes with their inverse; builders (`dense`, `conv`, `batch_norm`, ...) give the
rules of one layer under its name on both sides, and `prefixed`, `under` and `stacked` move a table
into a larger network.
"""

from dataclasses import replace

import numpy as np

from playmate_jax.converters.rules import Ignored, Op, Rule, Table


def transpose(*axes: int) -> Op:
    """PyTorch's axes in the order in which Flax keeps them."""
    back = tuple(int(i) for i in np.argsort(axes))
    return Op(f"transpose{axes}", lambda x: x.transpose(axes), lambda x: x.transpose(back))


def squeeze_then(op: Op, *axes: int) -> Op:
    """Axes of size one dropped, then `op`."""
    return Op(
        f"squeeze{axes} {op.name}",
        lambda x: op.forward(np.squeeze(x, axes)),
        lambda x: np.expand_dims(op.inverse(x), axes),
    )


IDENTITY = Op("identity", lambda x: x, lambda x: x)
LINEAR = transpose(1, 0)
CONV = {1: transpose(2, 1, 0), 2: transpose(2, 3, 1, 0), 3: transpose(2, 3, 4, 1, 0)}
DEPTHWISE = {
    1: squeeze_then(transpose(1, 0), 1),  # (c, 1, k) -> (k, c)
    2: squeeze_then(transpose(1, 2, 0), 1),  # (c, 1, kh, kw) -> (kh, kw, c)
}


def flat_window(kernel_size: int) -> Op:
    """A vector over (in, kh, kw), as spectral normalisation keeps it, to (kh, kw, in)."""
    k = kernel_size
    return Op(
        f"flat_window({k})",
        lambda x: x.reshape(-1, k, k).transpose(1, 2, 0),
        lambda x: x.transpose(2, 0, 1).reshape(-1),
    )


# ---- rules of one layer -------------------------------------------------------------------------


def _weights(source: str, target: str, op: Op, bias: bool) -> Table:
    table: Table = [Rule(f"{source}.weight", f"params/{target}/kernel", op)]
    return table + ([Rule(f"{source}.bias", f"params/{target}/bias", IDENTITY)] if bias else [])


def dense(source: str, target: str, bias: bool = True) -> Table:
    """Linear: weight (out, in) to kernel (in, out)."""
    return _weights(source, target, LINEAR, bias)


def conv(source: str, target: str, dims: int = 2, bias: bool = True) -> Table:
    """Convolution: weight (out, in, *window) to kernel (*window, in, out)."""
    return _weights(source, target, CONV[dims], bias)


def depthwise(source: str, target: str, dims: int = 2, bias: bool = True) -> Table:
    """Depthwise convolution: weight (c, 1, *window) to kernel (*window, c)."""
    return _weights(source, target, DEPTHWISE[dims], bias)


def spectral_conv(source: str, target: str, kernel_size: int, bias: bool = True) -> Table:
    """2-D convolution under spectral normalisation: raw weight and both singular vectors."""
    table: Table = [Rule(f"{source}.bias", f"params/{target}/bias", IDENTITY)] if bias else []
    return table + [
        Rule(f"{source}.weight_orig", f"params/{target}/kernel", CONV[2]),
        Rule(f"{source}.weight_u", f"spectral/{target}/u", IDENTITY),
        Rule(f"{source}.weight_v", f"spectral/{target}/v", flat_window(kernel_size)),
    ]


def layer_norm(source: str, target: str) -> Table:
    """LayerNorm or GroupNorm: weight and bias to scale and bias."""
    return [
        Rule(f"{source}.weight", f"params/{target}/scale", IDENTITY),
        Rule(f"{source}.bias", f"params/{target}/bias", IDENTITY),
    ]


def batch_norm(source: str, target: str) -> Table:
    """BatchNorm with its running statistics; the counter of batches is kept aside."""
    return layer_norm(source, target) + [
        Rule(f"{source}.running_mean", f"batch_stats/{target}/mean", IDENTITY),
        Rule(f"{source}.running_var", f"batch_stats/{target}/var", IDENTITY),
        Ignored(f"{source}.num_batches_tracked", np.zeros((), np.int64)),
    ]


# ---- tables inside of larger ones ----------------------------------------------------------------


def prefixed(prefix: str, table: Table) -> Table:
    """The same table for a checkpoint whose names all begin with `prefix`."""
    return [replace(entry, source=prefix + entry.source) for entry in table]


def stacked(prefix: str, layers: int, table: Table) -> Table:
    """One layer's table for each of `layers` entries of a ModuleList, whose leaves are stacked."""
    entries = ((i, entry) for i in range(layers) for entry in table)
    return [
        replace(entry, source=f"{prefix}.{i}.{entry.source}", row=i)
        for i, entry in entries
        if isinstance(entry, Rule)
    ]


def under(prefix: str, table: Table) -> Table:
    """The same table for a network whose leaves lie under `prefix` in a larger tree."""
    return [
        replace(entry, target=prefix + entry.target) if isinstance(entry, Rule) else entry
        for entry in table
    ]
