"""SyncNet's file, in the old format in which it is published, to embeddings of a clip."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from playmate_jax.converters import convert, verify  # noqa: E402
from playmate_jax.converters.registry import by_name  # noqa: E402
from playmate_jax.converters.syncnet.reference import SyncNetReference  # noqa: E402
from playmate_jax.converters.torch_files import to_tensors  # noqa: E402
from playmate_jax.metrics.sync import load_syncnet, speech_windows  # noqa: E402


def test_the_published_file_hears_and_sees_what_the_reference_does(tmp_path):
    family = by_name("syncnet")
    state = verify.synthetic_state(family.table(family.tiny), family.shapes(family.tiny))
    reference = SyncNetReference(family.tiny).eval()
    reference.load_state_dict(to_tensors(state))
    file = tmp_path / "syncnet_v2.model"
    torch.save(reference.state_dict(), file, _use_new_zipfile_serialization=False)
    assert convert.to_jax(file, tmp_path / "w", verification=True).passed

    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (12, 96, 96, 3), dtype=np.uint8)
    audio = rng.integers(-3000, 3000, 12 * 640, dtype=np.int16)
    lips, speech = load_syncnet(tmp_path / "w").embed(frames, audio)
    windows = torch.from_numpy(np.stack([frames[v : v + 5] for v in range(7)]) / np.float32(255))
    with torch.no_grad():
        heard = torch.from_numpy(speech_windows(audio, 7).copy())[:, None]
        wanted = [x.numpy() for x in reference(heard, windows.permute(0, 4, 1, 2, 3))]
    for found, theirs in zip((speech, lips), wanted, strict=True):
        np.testing.assert_allclose(found, theirs, atol=1e-5 * np.abs(theirs).max())
