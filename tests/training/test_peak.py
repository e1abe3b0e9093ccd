"""The rate of the devices that a model's FLOPs are a share of."""

import time

import jax
import jax.numpy as jnp
import pytest

from playmate_jax.parallel.peak import (
    datasheet_peak,
    datasheet_rate,
    measured_peak,
    measured_rate,
)


@pytest.mark.parametrize(
    ("kind", "dtype", "teraflops"),
    [
        ("NVIDIA H100 80GB HBM3", "bfloat16", 989.4),
        ("NVIDIA H100 PCIe", "bfloat16", 756),
        ("NVIDIA H200", "float32", 494.7),
        ("NVIDIA A100-SXM4-80GB", "float32", 156),
    ],
)
def test_datasheets_are_found_by_the_names_that_jax_gives(kind, dtype, teraflops):
    assert datasheet_rate(kind, dtype) == teraflops * 1e12


def test_an_unknown_device_has_no_datasheet():
    assert datasheet_rate("cpu", "float32") is None


def test_the_measured_rate_is_that_of_the_products_alone():
    """Within a factor of three of one large product: the load varies."""
    n = 512
    x = jnp.ones((n, n))
    product = jax.jit(lambda x: x @ x)
    product(x).block_until_ready()
    times = []
    for _ in range(9):
        start = time.perf_counter()
        product(x).block_until_ready()
        times.append(time.perf_counter() - start)
    assert 1 / 3 < measured_rate("float32", side=n) / (2 * n**3 / min(times)) < 3


def test_cpu_devices_of_a_process_share_one_rate(monkeypatch):
    monkeypatch.setattr("playmate_jax.parallel.peak.measured_rate", lambda *_: 7.0)
    monkeypatch.setattr("jax.devices", lambda: jax.local_devices() * 4)
    assert measured_peak("float32") == 7.0 and datasheet_peak("float32") is None
