"""A hub on this machine, and a published entry on it that is converted in no time."""

import json
import threading
from http.server import ThreadingHTTPServer

import numpy as np
import pytest

from playmate_jax.hub.published import PUBLISHED, File, Published
from playmate_jax.hub.weights import save_weights
from tests.hub.hub_server import COMMIT, Hub, sha256
from tests.hub.hub_uploads import UploadHandler


@pytest.fixture(scope="session")
def _server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), UploadHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture
def hub(_server, tmp_path, monkeypatch):
    """The server, empty, and caches of our own and of the hub's that are empty too."""
    constants = pytest.importorskip(
        "huggingface_hub.constants", reason="needs huggingface_hub: pip install playmate-jax[test]"
    )
    _server.hub = Hub()
    _server.hub.url = f"http://127.0.0.1:{_server.server_port}"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # large files by plain HTTP
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
    return _server.hub


@pytest.fixture
def tiny(hub, monkeypatch):
    """A published entry "tiny": two files in "owner/tiny", and a converter that reads them."""
    from playmate_jax.converters import fetch

    weights = np.arange(3000, dtype=np.float32).tobytes()
    hub.repositories["owner/tiny"] = {
        "parts/weights.safetensors": weights,
        "config.json": b'{"width": 3000}',
        "insightface/det_10g.onnx": b"not wanted",
    }
    row = Published(
        "three thousand numbers", "renderer", "owner/tiny", "MIT", COMMIT,
        (File(("parts/*.safetensors",), sha256(weights), len(weights)), File(("config.json",))),
    )  # fmt: skip

    def convert(folder, directory):
        numbers = np.fromfile(folder / "parts" / "weights.safetensors", np.float32)
        config = json.loads((folder / "config.json").read_text())
        save_weights(
            directory, {"kind": "renderer", **config}, {"numbers": numbers}, {"title": "t"}
        )

    monkeypatch.setitem(PUBLISHED, "tiny", row)
    monkeypatch.setitem(fetch.CONVERTERS, "tiny", convert)
    return row


@pytest.fixture
def command(hub, capsys):
    """`playmate weights ...` against this hub: (exit code, standard output, standard error)."""
    from playmate_jax.cli import run

    def call(*words):
        endpoint = ["--endpoint", hub.url] if words[0] in ("get", "push") else []
        code = run(["weights", *map(str, words), *endpoint])
        return code, *capsys.readouterr()

    return call
