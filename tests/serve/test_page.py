"""The page at `/`: it runs jobs as other clients do, within the same limits."""

import os
import re
import time

import pytest

pytest.importorskip("gradio", reason="the page's package is not installed")
pytest.importorskip("fastapi", reason="the server's packages are not installed")

from playmate_jax.media import open_video
from playmate_jax.serve.page.mount import tidy
from playmate_jax.serve.page.routes import names_address
from tests.serve.page_client import PageClient, file_data
from tests.serve.stub_child import DIES, REFUSES

SPOKEN = ["as spoken", 0.8, "", 1.0]  # emotion, intensity, emotions over time, head motion


@pytest.fixture(scope="module")
def served(serve, tmp_path_factory):
    folder = tmp_path_factory.mktemp("with page")
    with serve(folder, page=True, upload_mb=1.0, speech_s=2.0, side=512, probe_s=60.0) as client:
        yield client


@pytest.fixture
def visitor(served):
    return PageClient(served)


@pytest.fixture
def inputs(visitor, files):
    return [visitor.upload(f"{name} ä.bin", files[name]) for name in ("portrait", "speech")]


def test_the_page_is_at_the_root_and_the_api_where_it_was(served):
    page = served.get("/")
    assert page.status_code == 200 and "<title>" in page.text.lower() or "gradio" in page.text
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert served.get("/health").json()["status"] == "ok"
    assert served.get("/v1/jobs").status_code == 200
    assert served.get("/openapi.json").status_code == 200
    assert served.get("/nowhere").json() == {"error": "Not Found"}


def test_speech_and_portrait_become_a_video(visitor, inputs, served, tmp_path):
    shown = visitor.ask("Speak", "Generate", [*inputs, *SPOKEN, 9])
    status, video = shown[-1][:2]
    assert status.startswith("<div class='pm-status'") and "Done" in status
    assert "the speech is a stub" in status.replace("&#x27;", "")  # its notices
    (where,) = re.findall(r"<video[^>]*src='([^']+)'", video)
    answer = served.get(f"/{where}")
    (tmp_path / "v.mp4").write_bytes(answer.content)
    assert len(list(open_video(tmp_path / "v.mp4"))) == 10
    assert served.get("/v1/jobs").json()[0]["id"] in where  # a job like any other


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"seed": REFUSES}, "expected a face in the image, found none in 'portrait': give one"),
        ({"seed": DIES}, "the process that worked on it died of signal SIGSEGV"),
        ({"seed": -1}, "seed: Input should be greater than or equal to 0"),
        ({"seed": "x"}, "seed: Input should be a valid integer"),
        ({"text": "hapy"}, "did you mean 'happy'"),
        ({"text": "/etc/passwd"}, "expected an emotion"),
        ({"portrait": None}, "expected a portrait, found none"),
        ({"speech": None}, "expected speech or driving beside the portrait, found neither"),
    ],
)
def test_what_goes_wrong_is_said_in_one_sentence(visitor, inputs, changed, says):
    given = dict(zip(("portrait", "speech"), inputs, strict=True)) | {"text": "", "seed": 0}
    given |= changed
    data = [given["portrait"], given["speech"], "as spoken", 0.8, given["text"], 1.0, given["seed"]]
    status, video = visitor.ask("Speak", "Generate", data)[-1][:2]
    text = re.sub("<[^>]+>", "", status).replace("&#x27;", "'")
    assert "pm-problem" in status and says in text and "\n" not in text
    assert not video


def test_the_checks_of_uploads_are_the_servers(visitor, inputs):
    wrong = visitor.upload("portrait.png", b"<svg onload=alert(1)>")
    status = visitor.ask("Speak", "Generate", [wrong, inputs[1], *SPOKEN, 0])[-1][0]
    assert "pm-problem" in status and "as portrait" in status
    assert served_jobs_have_no_uploads(visitor)


def served_jobs_have_no_uploads(visitor):
    store = visitor.client.app.state.runner.store
    return not [p for id in store.jobs for p in store.folder(id).glob("portrait")]


def test_files_of_the_server_and_addresses_are_no_uploads(visitor, inputs, tmp_path):
    (tmp_path / "secret.png").write_bytes(b"secret")
    folder = visitor.client.app.state.settings.folder / "page"
    before = {path.name for path in folder.rglob("*")}
    for path in (tmp_path / "secret.png", "/etc/passwd", "../../etc/passwd"):
        shown = visitor.ask("Speak", "Generate", [file_data(path), inputs[1], *SPOKEN, 0])
        assert not shown or "pm-problem" in shown[-1][0]
        assert visitor.client.get(f"/gradio_api/file={path}").status_code in (403, 404)
    assert {path.name for path in folder.rglob("*")} == before
    answer = visitor.ask("Speak", "Generate", [file_data("https://a.example/x"), *inputs])
    assert answer.status_code == 422
    assert visitor.client.get("/gradio_api/file=https://a.example/x").status_code == 404
    assert names_address(b"{") and names_address(b'[{"path": " HTTP://x"}]')
    assert not names_address(b'{"path": "/tmp/x", "data": ["http://no path"]}')


@pytest.mark.parametrize(
    "path", ["proxy=http://a.example", "info", "api/predict", "run/predict", "vibe-code", "runs"]
)
def test_other_routes_of_gradio_are_closed(served, path):
    assert served.get(f"/gradio_api/{path}").status_code == 404
    assert served.post(f"/gradio_api/{path}", json={}).status_code == 404


def test_uploads_are_limited_and_come_from_this_page_alone(served):
    large = {"files": ("x", bytes(1_500_000))}
    assert served.post("/gradio_api/upload", files=large).status_code == 413
    for headers, status in (
        ({"origin": "https://evil.example"}, 403), ({"host": "rebound.example"}, 421),
    ):  # fmt: skip
        small = {"files": ("x", b"x")}
        assert served.post("/gradio_api/upload", files=small, headers=headers).status_code == status
        assert served.get("/", headers=headers).status_code == status


def test_uploads_do_not_stay(tmp_path):
    for i in range(4):
        (tmp_path / str(i)).mkdir()
        (tmp_path / str(i) / "f").write_bytes(bytes(100))
        os.utime(tmp_path / str(i) / "f", (time.time() - 10 * i,) * 2)
    tidy(tmp_path, keep_s=25.0, most=1000)
    assert {p.name for p in tmp_path.iterdir()} == {"0", "1", "2"}
    tidy(tmp_path, keep_s=1000.0, most=200)
    assert {p.name for p in tmp_path.iterdir()} == {"0", "1"}
