"""Recorded outputs of the original PyTorch networks, at small sizes here and official ones beside.

`recordings/` was written by `record.py` from the originals; `shared` holds full-size recordings.
"""

from pathlib import Path

import jax
import numpy as np
import pytest

from playmate_jax.converters import joyvasa, liveportrait, synthetic_weights
from playmate_jax.converters.golden import TOLERANCE, Reference
from playmate_jax.converters.parity import main, report

pytestmark = pytest.mark.usefixtures("optimised")

PORTS = dict(liveportrait.FAMILY.ports) | joyvasa.FAMILY.ports
RECORDINGS = Path(__file__).parent / "recordings"
PINNED = [-0.3687654435634613, -0.002532179467380047, 0.24719227850437164]


@pytest.mark.parametrize("file", PORTS)
def test_small_networks_repeat_their_originals(file):
    reference = Reference(RECORDINGS, 0)
    with jax.default_matmul_precision("highest"):
        comparisons = reference.compare(file, PORTS[file](reference))
    assert [c for c in comparisons if not c.error <= TOLERANCE] == []
    assert comparisons and all(reference.round_trips.values())


def test_recordings_of_every_number_are_compared_whole():
    reference = Reference(RECORDINGS, 0)
    outputs = dict(PORTS["joyvasa_denoiser"](reference))
    outputs["joyvasa.pad_audio.640/length"] = np.array([1, 721])  # recorded: 720
    outputs["joyvasa.schedule.cosine/alpha_bars"] = np.zeros(50)  # one too few
    outputs["joyvasa.schedule.linear/alpha_bars"][7] += 0.1
    comparisons = reference.compare("joyvasa_denoiser", iter(outputs.items()))
    assert {c.name for c in comparisons if not c.error <= TOLERANCE} == {
        "joyvasa.pad_audio.640/length",
        "joyvasa.schedule.cosine/alpha_bars",
        "joyvasa.schedule.linear/alpha_bars",
    }


def test_a_wrong_network_is_found_out():
    # The same network under another seed's weights must not pass.
    reference = Reference(RECORDINGS, 1)
    comparisons = reference.compare(
        "liveportrait_retargeting", PORTS["liveportrait_retargeting"](reference)
    )
    assert all(comparison.error > 100 * TOLERANCE for comparison in comparisons)


def test_the_report_names_what_diverges_and_fails(capsys):
    assert main([str(RECORDINGS), "--seed", "1", "--only", "retargeting"]) == 1
    printed = capsys.readouterr().out
    assert "retarget.stitching" in printed
    assert "liveportrait_spade" not in printed  # not asked for
    assert main([str(RECORDINGS), "--seed", "0", "--only", "retargeting"]) == 0


def test_a_recording_of_no_ported_network_is_listed_and_fails_nothing(capsys):
    assert report(Reference(RECORDINGS, 0), {}, "spade")
    assert "not ported" in capsys.readouterr().out


def test_a_name_that_no_recording_has_is_told(capsys):
    assert main([str(RECORDINGS), "--only", "vgg"]) == 2
    assert "liveportrait_spade" in capsys.readouterr().err


def test_a_directory_of_something_else_is_refused(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "expected folders golden/ and manifests/" in capsys.readouterr().err


def test_synthetic_values_are_pinned():
    # From the reference implementation; a change here would invalidate every recording.
    weight = synthetic_weights.tensor("first.conv.weight", (2, 3, 3, 3), "float32", 0)
    assert weight.dtype == np.float32
    np.testing.assert_allclose(weight.reshape(-1)[:3], PINNED, rtol=1e-6)
    assert synthetic_weights.tensor("first.norm.num_batches_tracked", (), "int64", 0) == 0


def test_singular_vectors_are_those_of_the_weight():
    weight = np.random.default_rng(0).standard_normal((6, 4, 3, 3)).astype(np.float32)
    u, v = synthetic_weights.leading_singular_vectors(weight, np.ones(36, np.float32))
    sigma = np.linalg.svd(weight.reshape(6, -1), compute_uv=False)[0]
    # Thirty iterations leave (second / first singular value)^60.
    np.testing.assert_allclose(u @ weight.reshape(6, -1) @ v, sigma, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("file", PORTS)
def test_full_size_networks_repeat_their_originals(file, shared):
    # W and G in a row, which float32 blurs, by how far both sides are from float64
    with jax.default_matmul_precision("highest"):
        assert report(Reference(shared / "reference", 0), PORTS, file)
