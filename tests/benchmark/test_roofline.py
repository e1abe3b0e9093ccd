"""The roofline counts what is counted by hand, and its shares follow from times and rates."""

import jax
import jax.numpy as jnp
import pytest

from benchmarks import roofline
from playmate_jax.models.wav2vec2 import Wav2Vec2Config
from tests.random_weights import TINY_MOTION, TINY_RENDERER


def test_a_convolution_is_counted_as_by_hand():
    by_hand, by_xla = roofline.convolution_by_hand()
    assert by_hand == 2 * 190 * 190 * 32 * 48
    assert by_xla == pytest.approx(by_hand, rel=roofline.HAND)


def test_a_product_is_counted_with_its_bytes_and_a_loop_is_told():
    def product(a, b):
        return a @ b

    def repeated(a, b):
        return jax.lax.fori_loop(0, 5, lambda _, x: jnp.tanh(x @ b), a)

    a, b = jnp.ones((64, 128)), jnp.ones((128, 128))
    cost = roofline.cost_of(jax.jit(product).lower(a, b).compile())
    assert cost.flops == 2 * 64 * 128 * 128 and cost.loops == 0
    assert cost.bytes == 4 * (64 * 128 + 128 * 128 + 64 * 128)
    assert roofline.cost_of(jax.jit(repeated).lower(a, b).compile()).loops == 1


@pytest.mark.parametrize(
    ("flops", "moved", "roof_s", "limit"),
    [(4e9, 1e8, 0.04, "arithmetic"), (1e8, 4e9, 0.4, "memory")],
)
def test_shares_follow_from_times_and_rates(flops, moved, roof_s, limit):
    """100 GFLOP/s and 10 GB/s; half a second."""
    figures = {"flops": flops, "bytes": moved, "seconds": [0.4, 0.5, 9.0], "loops": 0, "calls": 0}
    found = roofline.row(figures, matrix=1e11, memory=1e10)
    assert found["median_s"] == 0.5 and found["limit"] == limit
    assert found["roof_s"] == pytest.approx(roof_s)
    assert found["roof_share"] == pytest.approx(roof_s / 0.5)
    assert found["matrix_share"] == pytest.approx(flops / 0.5 / 1e11)
    assert found["intensity"] == pytest.approx(flops / moved)
    line = roofline.table({"W": figures | found}).splitlines()[-1]
    assert line.startswith("| W |") and line.endswith(f"| {limit} |")
    assert len(line.split("|")) == len(roofline.HEADINGS) + 2
    assert "| W* |" in roofline.table({"W": figures | found | {"loops": 1}})


def test_parts_are_measured_in_turns():
    speech = Wav2Vec2Config(
        channels=(8,) * 7, width=16, layers=1, heads=2, feed_forward=16, position_kernel=4,
        position_groups=2,
    )  # fmt: skip
    wanted = ("denoiser step", "speech encoder")
    parts = list(roofline.parts_of(TINY_RENDERER, TINY_MOTION, speech, wanted))
    assert tuple(part.name for part in parts) == wanted
    found = roofline.measured(parts, rounds=1)
    for figures in found.values():
        assert len(figures["seconds"]) == 2 and min(figures["seconds"]) > 0
        assert figures["flops"] > 1e5 and figures["bytes"] > 1e5
        assert figures["loops"] == 0, "a loop's body would be counted once"


@pytest.mark.slow
def test_every_part_of_liveportraits_kind_has_its_arguments():
    """W, G and their folded forms, traced but not compiled: both give the same shapes."""
    only = ("W", "G", "W folded", "G folded")
    found = {
        part.name: jax.eval_shape(part.function, *part.arguments)
        for part in roofline.parts_of(TINY_RENDERER, None, None, only)
    }
    assert found["W folded"].shape == found["W"]["out"].shape
    assert found["G folded"].shape == found["G"].shape == (1, 64, 64, 3)
