"""MFU and frames per second, and the rate of the device that MFU is a share of."""

import time

import jax
import jax.numpy as jnp
import pytest

from playmate_jax.parallel.peak import Peak, datasheet_rate, measured_rate, peak
from playmate_jax.training.throughput import mfu, rates


def test_a_step_that_takes_the_peak_has_an_mfu_of_one():
    assert mfu(flops=2e12, steps_per_s=5.0, peak=1e13) == 1.0


def test_frames_and_mfu_are_left_out_where_a_stage_does_not_count_them():
    assert rates(2.0, frames=800, flops=1e9, peak=1e10) == {
        "steps_per_s": 2.0, "frames_per_s": 1600.0, "mfu": 0.2,
    }  # fmt: skip
    assert rates(2.0, frames=0, flops=0.0, peak=1e10) == {"steps_per_s": 2.0}
    assert rates(2.0, frames=0, flops=1e9, peak=0.0) == {"steps_per_s": 2.0}


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
    assert peak("float32") == Peak(measured=7.0, datasheet=None)
