"""A server with stub networks, inside this process; its children are real processes."""

import io

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="the server's packages are not installed")

from fastapi.testclient import TestClient

from playmate_jax.media import write_wav
from playmate_jax.serve import children
from playmate_jax.serve.app import create_app
from playmate_jax.serve.settings import Settings

HERE = "http://127.0.0.1"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The bytes of a small portrait and half a second of speech."""
    folder = tmp_path_factory.mktemp("files")
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    portrait = io.BytesIO()
    Image.fromarray(pixels).save(portrait, "PNG")
    noise = np.random.default_rng(1).normal(0, 0.1, 8000).astype(np.float32)
    write_wav(folder / "speech.wav", noise, 16000)
    return {
        "portrait": portrait.getvalue(), "speech": (folder / "speech.wav").read_bytes(),
    }  # fmt: skip


@pytest.fixture(scope="module")
def serve():
    """Starts servers: settings to a client, which ends its server when it is closed."""
    patched = pytest.MonkeyPatch()
    quick = {"streams": 0, "grace_s": 0.0}
    patched.setattr(children, "_MAIN", "from tests.serve.stub_child import main")
    yield lambda folder, **settings: TestClient(
        create_app(Settings(folder=folder, **(quick | settings))), base_url=HERE
    )
    patched.undo()


@pytest.fixture(scope="module")
def client(request, serve, tmp_path_factory):
    """One server for a module's tests, with small limits, and `STREAMS` streams (default 0)."""
    folder = tmp_path_factory.mktemp("jobs")
    limits = {"queue": 2, "upload_mb": 1.0, "speech_s": 2.0, "side": 512, "job_s": 60.0}
    limits["streams"] = getattr(request.module, "STREAMS", 0)
    with serve(folder, probe_s=60.0, **limits) as found:
        yield found
