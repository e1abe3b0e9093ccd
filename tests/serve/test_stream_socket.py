"""Live portraits over the WebSocket: frames with their sound, interruptions, and bad messages."""

import cv2
import numpy as np
import pytest
from starlette.websockets import WebSocketDisconnect

from playmate_jax.media.mark import Mark
from playmate_jax.serve.messages import HEADER, HELD, MAGIC, SPEAKING
from tests.serve.stub_child import REFUSES, SIDE
from tests.serve.waiting import STREAM

STREAMS = 1


class Frames:
    """The binary and text messages of a socket, apart."""

    def __init__(self, socket):
        self.socket, self.told = socket, []

    def next(self):
        while True:
            message = self.socket.receive()
            if message["type"] == "websocket.close":
                raise WebSocketDisconnect(message["code"])
            if message.get("bytes") is not None:
                return frame(message["bytes"])
            self.told.append(message["text"])

    def until(self, wanted, most=200):
        """Frames up to the first that `wanted` accepts, that one included."""
        found = []
        for _ in range(most):
            found.append(self.next())
            if wanted(found[-1]):
                return found
        raise AssertionError("it did not come")


def frame(message):
    magic, index, generation, flags, samples, size = HEADER.unpack_from(message)
    assert magic == MAGIC and len(message) == HEADER.size + size + 2 * samples
    jpeg = np.frombuffer(message, np.uint8, size, HEADER.size)
    image = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    assert image.shape == (SIDE, SIDE, 3)
    sound = np.frombuffer(message, "<i2", samples, HEADER.size + size)
    return {"index": index, "generation": generation, "flags": flags, "image": image,
            "sound": sound}  # fmt: skip


@pytest.fixture
def opened(client):
    """Opens streams: (socket, frames, the ready message)."""

    def open(socket, upload=None, **options):
        wanted = "bundled" if upload is None else "upload"
        socket.send_json({"type": "start", "portrait": wanted, **options})
        if upload is not None:
            socket.send_bytes(upload)
        return Frames(socket), socket.receive_json()

    return open


def pcm(frames):
    return np.full(640 * frames, 1000, "<i2").tobytes()


def speaking(found):
    return bool(found["flags"] & SPEAKING)


def test_speech_comes_back_with_images_and_its_own_samples(client, opened):
    with client.websocket_connect(STREAM) as socket:
        frames, ready = opened(socket)
        assert ready["type"] == "ready" and (ready["width"], ready["fps"]) == (SIDE, 25)
        idle = frames.next()
        assert not speaking(idle) and not idle["sound"].any() and len(idle["sound"]) == 640
        data = pcm(12)
        for start in range(0, len(data), 777):  # samples are cut in two
            socket.send_bytes(data[start : start + 777])
        socket.send_json({"type": "utterance_end"})
        found: list = []
        while sum(map(speaking, found)) < 12:  # where parts arrive late, rest comes between them
            found += frames.until(speaking)
        said = [f for f in found if speaking(f)]
        assert all((f["sound"] == 1000).all() for f in said)
        assert all(not f["sound"].any() for f in found if not speaking(f))
        assert all(f["image"].mean() > 190 for f in said)  # the stub's: images and sound in step
        indices = [f["index"] for f in found if not f["flags"] & HELD]
        assert indices == list(range(indices[0], indices[0] + len(indices)))
        socket.send_json({"type": "end"})
        with pytest.raises(WebSocketDisconnect) as closed:
            frames.until(lambda f: False)
        assert closed.value.code == 1000 and '"ended"' in frames.told[-1]


def test_an_interruption_silences_what_was_to_be_said(client, opened):
    with client.websocket_connect(STREAM) as socket:
        frames, _ = opened(socket)
        socket.send_bytes(pcm(500))
        assert frames.until(speaking)[-1]["generation"] == 0
        socket.send_json({"type": "interrupt"})
        after = frames.until(lambda f: f["generation"] == 1)[-1]
        assert '"interrupted"' in frames.told[-1]
        following = [frames.next() for _ in range(10)]
        assert not any(speaking(f) or f["sound"].any() for f in [after, *following])
        socket.send_bytes(pcm(12))
        socket.send_json({"type": "utterance_end"})
        again = frames.until(speaking)[-1]
        assert again["generation"] == 1


def test_emotions_change_while_it_runs_and_bad_messages_do_not_end_it(client, opened):
    with client.websocket_connect(STREAM) as socket:
        frames, _ = opened(socket)
        for wrong in ("{", '{"type": "fly"}', '{"type": "emotion", "emotion": "hapy"}', "[]"):
            socket.send_text(wrong)
        socket.send_json({"type": "emotion", "emotion": "happy=1"})
        frames.until(lambda f: f["image"].mean() > 140)  # the stub's happy grey
        assert len(frames.told) == 4 and "happy" in frames.told[2]
        socket.send_json({"type": "emotion", "emotion": None})
        frames.until(lambda f: f["image"].mean() < 110)


@pytest.mark.parametrize(
    ("first", "says"),
    [
        ('{"type": "start", "hop": 1000}', "hop"),
        ('{"type": "begin"}', "start message"),
        ("no json", "start message"),
        ('{"type": "start", "emotion": "/etc/passwd"}', "expected an emotion"),
    ],
)
def test_a_bad_start_is_told_and_ends_the_connection(client, first, says):
    with client.websocket_connect(STREAM) as socket:
        socket.send_text(first)
        assert says in socket.receive_json()["error"]
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        assert closed.value.code == 1008


def test_uploaded_portraits_are_looked_at_first(client, opened, files):
    with client.websocket_connect(STREAM) as socket:
        frames, ready = opened(socket, files["portrait"])
        assert ready["type"] == "ready" and frames.next()["index"] == 0
    for content, seed, says in (
        (b"no image", 0, "as portrait"), (files["portrait"], REFUSES, "found none in 'portrait'"),
    ):  # fmt: skip
        with client.websocket_connect(STREAM) as socket:
            _, told = opened(socket, content, seed=seed)
            assert told["type"] == "error" and says in told["error"]
    assert not list((client.app.state.settings.folder / "streams").iterdir())


def test_a_second_stream_is_sent_away_and_the_next_is_served(client, opened):
    with client.websocket_connect(STREAM) as first:
        opened(first)
        with client.websocket_connect(STREAM) as second:
            _, told = opened(second)
            assert "all in use" in told["error"]
            with pytest.raises(WebSocketDisconnect) as closed:
                second.receive_json()
            assert closed.value.code == 1013
    with client.websocket_connect(STREAM) as third:
        _, ready = opened(third)
        assert ready["type"] == "ready"


def test_a_server_that_marks_puts_the_label_into_live_images(serve, opened, tmp_path):
    label = Mark((SIDE, SIDE))
    with serve(tmp_path, streams=1, mark=True) as marking:
        with marking.websocket_connect(STREAM) as socket:
            frames, _ = opened(socket)
            shown = frames.next()["image"]
    corner = shown[label.place].astype(float)
    assert np.abs(corner - label.label[..., ::-1]).mean() < 12  # JPEG
    assert abs(shown[0].mean() - 100) < 5  # the stub's grey
