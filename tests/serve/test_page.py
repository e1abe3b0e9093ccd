"""The page at `/`: it runs jobs as other clients do, within the same limits."""

import base64
import io
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("gradio", reason="the page's package is not installed")
pytest.importorskip("fastapi", reason="the server's packages are not installed")

from playmate_jax.inference.editing import AMOUNTS
from playmate_jax.media import open_video
from playmate_jax.serve.gate import cookie_value, is_known
from playmate_jax.serve.page.mount import tidy
from playmate_jax.serve.page.routes import names_address
from playmate_jax.serve.settings import Settings
from tests.serve.page_client import PageClient, file_data
from tests.serve.stub_child import DIES, REFUSES, WAITS
from tests.serve.waiting import wait_for

# emotion, intensity, emotions over time, head motion, gaze sideways, gaze down
SPOKEN = ["as spoken", 0.8, "", 1.0, 0.0, 0.0]


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
    spoken = ["as spoken", 0.8, given["text"], *SPOKEN[3:]]
    data = [given["portrait"], given["speech"], *spoken, given["seed"]]
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


def test_a_portrait_is_reenacted_and_a_video_is_dubbed(visitor, inputs, files):
    portrait, speech = inputs
    for tab, data in (
        ("Reenact", [portrait, portrait, "lips", "relative", 1.0]),
        ("Dub", [portrait, speech, "happy", 0.5, "", 7]),
    ):
        assert "Done" in visitor.ask(tab, "Generate", data)[-1][0]
        status = visitor.ask(tab, "Generate", [*data[:1], None, *data[2:]])[-1][0]
        assert "pm-problem" in status and "found n" in status
    status = visitor.ask("Reenact", "Generate", [portrait, portrait, "nose", "relative", 1.0])
    assert "region: Input should be" in status[-1][0]
    options = [job.options for job in visitor.client.app.state.runner.store.jobs.values()][-2:]
    assert options[0]["region"] == "lips" and options[1]["emotion"] == "happy=0.5"


def test_a_job_is_cancelled_and_a_full_queue_is_told(visitor, inputs, served):
    runner = served.app.state.runner
    runner._most, most = 0, runner._most
    try:
        status = visitor.ask("Speak", "Generate", [*inputs, *SPOKEN, 0])[-1][0]
        assert "expected fewer jobs, found the queue full" in status
    finally:
        runner._most = most
    known = set(runner.store.jobs)
    with ThreadPoolExecutor() as pool:
        shown = pool.submit(visitor.ask, "Speak", "Generate", [*inputs, *SPOKEN, WAITS])
        try:
            id = next(id for _ in range(200) for id in later(runner, known))
            wait_for(served, id, "running")
            visitor.join("Speak", "Cancel", [None])
            wait_for(served, id, "cancelled")
        finally:
            for id in later(runner, known):
                served.delete(f"/v1/jobs/{id}")  # or this would wait for ever
    assert any("Cancelled" in str(outputs) for outputs in shown.result())


def later(runner, known):
    """The ids of jobs that are not among the known ones."""
    time.sleep(0.05)
    return set(runner.store.jobs) - known


def test_the_picture_follows_the_sliders(visitor, inputs):
    def drawn(**amounts):
        values = [amounts.get(name, 0) for name in AMOUNTS]
        shown = visitor.ask("Edit", "Yaw", [inputs[0], *values], event="input")[-1][0]
        if "pm-problem" in shown:
            return shown
        (data,) = re.findall("<img[^>]*base64,([^']+)'", shown)
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))).mean()

    assert abs(drawn() - 100) < 2 and abs(drawn(yaw=20) - 180) < 2
    assert "expected a face in the image, found none in the portrait" in drawn(roll=REFUSES)
    wrong = visitor.upload("portrait.png", b"no image")
    shown = visitor.ask("Edit", "Yaw", [wrong, *AMOUNTS.values()], event="input")[-1][0]
    assert "pm-problem" in shown and "as portrait" in shown


def test_a_token_is_asked_for_and_a_cookie_stands_for_it(serve, tmp_path):
    token = "0123456789abcdef"
    with serve(tmp_path, page=True, token=token, host="0.0.0.0") as client:
        assert client.get("/", follow_redirects=False).headers["location"] == "login"
        assert "<form" in client.get("/").text
        for path in ("/config", "/v1/jobs", "/gradio_api/queue/data"):
            assert client.get(path).status_code == 401
        assert client.post("/gradio_api/upload", files={"files": ("x", b"x")}).status_code == 401
        wrong = client.post("/login", data={"token": "wrong"})
        assert wrong.status_code == 401 and "expected the token" in wrong.text
        client.cookies.set("playmate", token)  # the token itself is not the cookie
        assert client.get("/v1/jobs").status_code == 401
        client.cookies.clear()
        right = client.post("/login", data={"token": token}, follow_redirects=False)
        assert right.status_code == 303 and "samesite=strict" in right.headers["set-cookie"].lower()
        assert (
            token not in right.headers["set-cookie"] and "HttpOnly" in right.headers["set-cookie"]
        )
        assert client.get("/config").status_code == 200 and client.get("/v1/jobs").json() == []
        elsewhere = {"origin": "https://evil.example"}
        assert client.get("/v1/jobs", headers=elsewhere).status_code == 403
    settings = Settings(folder=tmp_path, token=token)
    assert not is_known(settings, {"cookie": f"playmate={cookie_value(token)}"})  # no page


def test_uploads_do_not_stay(tmp_path):
    for i in range(4):
        (tmp_path / str(i)).mkdir()
        (tmp_path / str(i) / "f").write_bytes(bytes(100))
        os.utime(tmp_path / str(i) / "f", (time.time() - 10 * i,) * 2)
    tidy(tmp_path, keep_s=25.0, most=1000)
    assert {p.name for p in tmp_path.iterdir()} == {"0", "1", "2"}
    tidy(tmp_path, keep_s=1000.0, most=200)
    assert {p.name for p in tmp_path.iterdir()} == {"0", "1"}
