"""W and G in a row are at least as close to float64 as PyTorch's own float32 is."""

from pathlib import Path

import jax
import numpy as np
import pytest

pytest.importorskip("torch")

from playmate_jax.converters.golden import Precision, Reference  # noqa: E402
from playmate_jax.converters.liveportrait import precision  # noqa: E402
from playmate_jax.converters.parity import main  # noqa: E402

RECORDINGS = Path(__file__).parent / "recordings"
SEEDS = range(4)


@pytest.fixture(scope="module")
def errors(optimised) -> dict[str, np.ndarray]:
    """Output -> (seed, ours and PyTorch's): RMS errors of small networks on several weights."""
    found: dict[str, list] = {}
    with jax.default_matmul_precision("highest"):
        for seed in SEEDS:
            for x in precision.against_float64(Reference(RECORDINGS, seed)):
                found.setdefault(x.name, []).append((x.ours, x.pytorchs))
    return {name: np.array(values) for name, values in found.items()}


def test_the_chain_is_as_close_to_the_truth_as_pytorchs_float32(errors):
    # Over four draws: of one small image alone the figure is of too few roundings.
    for name, values in errors.items():
        ours, pytorchs = np.sqrt(np.mean(np.square(values), axis=0))
        assert ours <= pytorchs, (name, values)


def test_errors_are_roundings_of_float32(errors):
    assert set(errors) == {"warping.deformation", "warping.out", precision.CHAIN}
    for values in errors.values():
        assert (values > 1e-8).all() and (values < 1e-4).all()


def test_another_network_is_further_from_the_truth(monkeypatch):
    reference = Reference(RECORDINGS, 0)
    right = reference.state
    monkeypatch.setattr(reference, "state", lambda network: _nudged(right(network)))
    ours = precision.parity.warp_then_decode(reference)  # of nudged weights
    monkeypatch.setattr(reference, "state", right)
    monkeypatch.setattr(precision.parity, "warp_then_decode", lambda _: ours)
    assert not any(x.passed for x in precision.against_float64(reference))


def _nudged(state):
    nudge = np.float32(1 + 1e-5)
    return {k: v * nudge if v.ndim > 1 and v.dtype == np.float32 else v for k, v in state.items()}


def test_the_report_shows_both_errors_of_any_seed(capsys):
    main([str(RECORDINGS), "--seed", "3", "--float64"])
    printed = capsys.readouterr().out
    assert "RMS error against float64" in printed and precision.CHAIN in printed


def test_an_equal_error_is_close_enough_and_a_larger_one_is_not():
    assert Precision("x", 1e-6, 1e-6).passed and not Precision("x", 1.01e-6, 1e-6).passed
