"""The page with networks, of a tiny size and random: from the example to a video."""

import re

import pytest

pytest.importorskip("gradio", reason="the page's package is not installed")
pytest.importorskip("fastapi", reason="the server's packages are not installed")

from fastapi.testclient import TestClient

from playmate_jax.errors import UserError
from playmate_jax.faces import TfliteLandmarker
from playmate_jax.media import open_video
from playmate_jax.serve.app import create_app
from playmate_jax.serve.page.parts import ASSETS
from playmate_jax.serve.settings import Settings
from tests.serve.conftest import HERE
from tests.serve.page_client import PageClient


def test_a_portrait_speaks_with_networks_of_a_tiny_size(tiny_weights, tmp_path):
    try:
        TfliteLandmarker()
    except UserError as error:
        pytest.skip(str(error))
    settings = Settings(
        folder=tmp_path / "jobs", weights=str(tiny_weights), streams=0, batch=2, grace_s=0.0,
        page=True,
    )  # fmt: skip
    with TestClient(create_app(settings), base_url=HERE) as client:
        visitor = PageClient(client)
        inputs = visitor.ask("Speak", "Use the example", [])[-1]
        assert {p["path"].rsplit("/")[-1] for p in inputs} == {"portrait.png", "speech.wav"}
        assert (ASSETS / "portrait.png").read_bytes() == client.get(
            f"/gradio_api/file={inputs[0]['path']}"
        ).content
        data = [*inputs, "happy", 0.5, "", 1.0, -0.5, 0.0, 3]
        shown = visitor.ask("Speak", "Generate", data)
        assert "Done" in shown[-1][0] and "seed 3" in shown[-1][0], shown[-1]
        (where,) = re.findall(r"<video[^>]*src='([^']+)'", shown[-1][1])
        (tmp_path / "v.mp4").write_bytes(client.get(f"/{where}").content)
        assert len(list(open_video(tmp_path / "v.mp4"))) > 100
    assert not (tmp_path / "jobs" / "page").exists()
