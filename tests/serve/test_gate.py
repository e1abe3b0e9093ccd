"""Who may use the server: tokens, host names, origins; and the command's own refusals."""

import pytest
from starlette.websockets import WebSocketDisconnect

from playmate_jax.cli import run
from playmate_jax.errors import UserError
from playmate_jax.serve.gate import token_fits
from playmate_jax.serve.settings import Settings, is_loopback
from tests.serve.waiting import STREAM

TOKEN = "0123456789abcdef"


@pytest.fixture(scope="module")
def locked(serve, tmp_path_factory):
    folder = tmp_path_factory.mktemp("locked")
    settings = {"token": TOKEN, "host": "0.0.0.0", "origins": ("https://ok.example",)}
    with serve(folder, **settings) as client:
        yield client


@pytest.mark.parametrize("path", ["/v1/jobs", "/metrics", "/docs", "/openapi.json", "/v1/jobs/1"])
def test_without_the_token_nothing_but_health_is_shown(locked, path):
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {TOKEN}"}):
        answer = locked.get(path, headers=headers)
        assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
    assert locked.get("/health").status_code == 200
    allowed = locked.get(path, headers={"authorization": f"Bearer {TOKEN}"})
    assert allowed.status_code in (200, 404)


def test_uploads_are_not_read_without_the_token(locked):
    assert locked.post("/v1/jobs", files={"portrait": b"1"}).status_code == 401


def test_a_stream_needs_the_token(locked):
    with locked.websocket_connect(STREAM) as socket:
        socket.send_json({"type": "start", "token": "wrong"})
        assert "token" in socket.receive_json()["error"]
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.code == 1008


def test_tokens_are_compared_whole():
    assert token_fits(TOKEN, f"Bearer {TOKEN}") and token_fits(TOKEN, f"bearer {TOKEN}")
    assert not token_fits(TOKEN, f"Bearer {TOKEN}0") and not token_fits(TOKEN, "Bearer é\udc80")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "rebound.example"}, 421),
        ({"host": ""}, 421),
        ({"host": "localhost:8000"}, 200),
        ({"host": "[::1]:8000"}, 200),
        ({"host": "127.0.0.1", "origin": "https://evil.example"}, 403),
        ({"host": "127.0.0.1", "origin": "null"}, 403),
        ({"host": "127.0.0.1:8000", "origin": "http://127.0.0.1:8000"}, 200),
    ],
)
def test_web_pages_elsewhere_cannot_use_a_server_on_this_machine(client, headers, status):
    assert client.get("/v1/jobs", headers=headers).status_code == status


def test_a_page_that_was_allowed_may(locked):
    headers = {"authorization": f"Bearer {TOKEN}", "origin": "https://ok.example"}
    answer = locked.get("/v1/jobs", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://ok.example"
    asked = {"origin": "https://ok.example", "access-control-request-method": "POST",
             "access-control-request-headers": "authorization"}  # fmt: skip
    assert locked.options("/v1/jobs", headers=asked).status_code == 200


def test_a_stream_from_another_page_is_refused(client):
    with pytest.raises(WebSocketDisconnect):
        with client.websocket_connect(STREAM, headers={"origin": "https://evil.example"}):
            pass


def test_a_public_address_needs_a_token(tmp_path, capsys):
    for host in ("0.0.0.0", "::", "192.168.1.2", "example.org"):
        with pytest.raises(UserError, match="expected a token"):
            Settings(folder=tmp_path, host=host)
    with pytest.raises(UserError, match="at least 16"):
        Settings(folder=tmp_path, token="short")
    assert is_loopback("127.0.0.1") and is_loopback("::1") and not is_loopback("")
    assert run(["serve", "--host", "0.0.0.0", "--folder", str(tmp_path / "new")]) == 2
    assert "PLAYMATE_SERVE_TOKEN" in capsys.readouterr().err and not (tmp_path / "new").exists()


def test_wrong_settings_are_told_before_anything_listens(tmp_path, capsys):
    assert run(["serve", "--weights", "nowhere", "--folder", str(tmp_path / "new")]) == 2
    assert run(["serve", "--token-file", str(tmp_path / "none")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_the_description_names_every_status_and_has_examples(client):
    found = client.get("/openapi.json").json()
    statuses = set(found["paths"]["/v1/jobs"]["post"]["responses"])
    assert {"202", "401", "403", "408", "413", "415", "422", "429", "503"} <= statuses
    assert found["components"]["schemas"]["JobView"]["examples"]
    assert "/" not in found["paths"]  # where a page may be mounted
