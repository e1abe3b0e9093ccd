"""How many FLOPs a second the devices can do at best: what MFU is a share of.

Two rates. The datasheet's is known for a few GPUs by name. The measured one is that of a large
matrix product, here and now: it tells what a program could reach on this machine, clocks, power
limit and neighbours included.
"""

import re
import time

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

# Dense matrix FLOPs/s of NVIDIA's datasheets (H100, H200 and A100 Tensor Core GPU). XLA computes
# float32 products in TF32 unless `jax_default_matmul_precision` asks for more, so TF32's rate is
# that of float32. The first pattern that is found in the device's name counts.
DATASHEETS = (
    (r"H100.*PCIe", {"float32": 378e12, "bfloat16": 756e12}),
    (r"H100.*NVL|H200.*NVL", {"float32": 417.5e12, "bfloat16": 835.5e12}),
    (r"H100|H200", {"float32": 494.7e12, "bfloat16": 989.4e12}),
    (r"A100", {"float32": 156e12, "bfloat16": 312e12}),
)
SIDE = {"cpu": 2048, "gpu": 8192, "tpu": 8192}
CHAIN = 4  # products in one call
CALLS = 7


def datasheet_rate(device_kind: str, dtype: str) -> float | None:
    """FLOPs/s of one device by its maker's datasheet; None where it is not known.

    Args:
      device_kind: as JAX names it: "NVIDIA H100 80GB HBM3".
      dtype: "float32" or "bfloat16".
    """
    for pattern, rates in DATASHEETS:
        if re.search(pattern, device_kind):
            return rates.get(dtype)
    return None


def measured_rate(dtype: str, device: jax.Device | None = None, side: int | None = None) -> float:
    """FLOPs/s of a product of two square matrices on one device: the fastest of some calls.

    Args:
      side: of the matrices; None: large enough for the device to reach its rate.
    """
    device = device or jax.local_devices()[0]
    n = side or SIDE.get(device.platform, 2048)
    first, second = jax.random.split(jax.random.key(0))
    with jax.default_device(device):
        x = jax.random.normal(first, (n, n), dtype)
        # The scale keeps the products' size: time may depend on values (denormals, power).
        w = jax.random.normal(second, (n, n), dtype) * jnp.asarray(n**-0.5, dtype)
        _chain(x, w).block_until_ready()
        times = []
        for _ in range(CALLS):
            start = time.perf_counter()
            _chain(x, w).block_until_ready()
            times.append(time.perf_counter() - start)
    return 2.0 * n**3 * CHAIN / min(times)


def datasheet_peak(dtype: str) -> float | None:
    """FLOPs/s of all devices of all processes by their maker's datasheet; None: not known."""
    one = datasheet_rate(jax.devices()[0].device_kind, dtype)
    return None if one is None else len(jax.devices()) * one


def measured_peak(dtype: str, side: int | None = None) -> float:
    """FLOPs/s of all devices of all processes, from a measurement on one of them.

    On CPU the devices of a process share its cores, so that the measured rate counts once for each
    process.

    Args:
      side: as for `measured_rate`.
    """
    here = jax.local_devices()[0]
    many = jax.process_count() if here.platform == "cpu" else len(jax.devices())
    return many * measured_rate(dtype, here, side)


@jax.jit
def _chain(x: Float[Array, "n n"], w: Float[Array, "n n"]) -> Float[Array, "n n"]:
    return lax.fori_loop(0, CHAIN, lambda _, x: x @ w, x)
