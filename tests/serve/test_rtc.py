"""Live portraits over WebRTC, with aiortc at both ends and all packets on this machine."""

import asyncio
import time

import numpy as np
import pytest

pytest.importorskip("aiortc", reason="aiortc is not installed")

from aioice import ice

from playmate_jax.serve.rtc_tracks import Sender
from tests.serve.rtc_client import Caller
from tests.serve.stub_child import REFUSES, SIDE

STREAMS = 1
AT = "/v1/webrtc"
LOUD, BRIGHT = 1000.0, 150.0  # between the stub's idle and speaking frames
IN_STEP_S = 0.05  # a tick, and what Opus looks ahead


@pytest.fixture(autouse=True)
def on_loopback(monkeypatch):
    monkeypatch.setattr(ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])


@pytest.fixture
def called(client):
    """Runs a coroutine function with an open connection, and the answer to its offer."""

    def run(work, upload=None, **fields):
        async def whole():
            caller = Caller()
            try:
                form = fields | {"sdp": await caller.offer()}
                files = {"portrait": upload} if upload else None
                answer = await asyncio.to_thread(client.post, AT, data=form, files=files)
                assert answer.status_code == 201, answer.text
                await caller.accept(answer.json()["sdp"])
                await caller.until(lambda: caller.images and caller.control.readyState == "open")
                await work(caller, answer.json())
            finally:
                await caller.close()

        asyncio.run(whole())

    return run


def until_free(client):
    """Until the server has seen that the last client is gone."""
    for _ in range(200):
        if client.get("/health").json()["streams"] == 0:
            return
        time.sleep(0.05)
    raise AssertionError("the stream did not end")


def first(found, since, accepts):
    return next((at for at, value in found if at > since and accepts(value)), None)


def test_the_microphone_comes_back_as_image_and_sound_in_step(client, called):
    async def both(caller, since, quiet):
        """When image and sound change, as they are stamped."""
        accepts = [least.__gt__ if quiet else least.__lt__ for least in (BRIGHT, LOUD)]
        found = caller.images, caller.sounds
        await caller.until(lambda: all(map(first, found, (since, since), accepts)))
        return list(map(first, found, (since, since), accepts))

    async def work(caller, answer):
        assert (answer["width"], answer["fps"], answer["type"]) == (SIDE, 25, "answer")
        assert "127.0.0.1" in answer["sdp"] and "VP8" in answer["sdp"]
        await caller.until(lambda: len(caller.images) > 10 and len(caller.sounds) > 20)
        assert all(value < BRIGHT for _, value in caller.images)
        assert all(value < LOUD for _, value in caller.sounds)
        caller.microphone.open.set()
        image, sound = await both(caller, 0.0, quiet=False)
        assert abs(image - sound) < IN_STEP_S
        await caller.until(lambda: caller.sounds[-1][0] > sound + 0.5)
        caller.microphone.open.clear()
        caller.control.send('{"type": "utterance_end"}')
        until = min(caller.images[-1][0], caller.sounds[-1][0])
        image, sound = await both(caller, until, quiet=True)
        assert abs(image - sound) < IN_STEP_S
        assert caller.sizes == {(SIDE, SIDE)}
        ticks = np.diff([at for at, _ in caller.images]) * 25
        assert np.abs(ticks - ticks.round()).max() < 0.01 and ticks.round().min() >= 1
        parts = np.diff([at for at, _ in caller.sounds]) * 50
        assert np.abs(parts - parts.round()).max() < 0.01 and np.median(parts.round()) == 1

    called(work)
    until_free(client)
    counted = client.get("/metrics").text
    frames = float(counted.split("\nplaymate_stream_frames_total ")[1].split()[0])
    assert frames > 10


def test_controls_are_followed_and_wrong_ones_are_told(client, called):
    async def work(caller, answer):
        for wrong in ("{", '{"type": "fly"}', '{"type": "emotion", "emotion": "hapy"}'):
            caller.control.send(wrong)
        await caller.until(lambda: len(caller.told) == 3)
        assert all(told["type"] == "error" for told in caller.told)
        caller.control.send('{"type": "emotion", "emotion": "happy=1"}')
        await caller.until(lambda: 140 < caller.images[-1][1] < 160)  # the stub's happy grey
        caller.microphone.open.set()
        await caller.until(lambda: caller.sounds[-1][1] > LOUD)
        caller.microphone.open.clear()
        caller.control.send('{"type": "interrupt"}')
        await caller.until(lambda: caller.told[-1] == {"type": "interrupted", "generation": 1})
        await caller.until(lambda: caller.sounds[-1][1] < LOUD)
        caller.control.send('{"type": "end"}')
        await caller.until(lambda: caller.told[-1] == {"type": "ended"})
        await caller.until(lambda: caller.connection.connectionState == "closed")

    called(work, emotion="neutral")
    until_free(client)


def test_uploads_are_looked_at_and_one_stream_is_open_at_a_time(client, called, files):
    async def work(caller, answer):
        second = Caller()
        form = {"sdp": await second.offer()}
        refused = await asyncio.to_thread(client.post, AT, data=form)
        assert refused.status_code == 503 and "all in use" in refused.json()["error"]
        ended = await asyncio.to_thread(client.delete, f"{AT}/{answer['id']}")
        assert ended.status_code == 204
        assert client.get("/health").json()["streams"] == 0
        again = await asyncio.to_thread(client.post, AT, data=form)
        assert again.status_code == 201
        await asyncio.to_thread(client.delete, f"{AT}/{again.json()['id']}")
        await second.close()

    called(work, files["portrait"])
    assert client.delete(f"{AT}/none").status_code == 404
    assert not list((client.app.state.settings.folder / "streams").iterdir())


@pytest.mark.parametrize(
    ("fields", "upload", "says"),
    [
        ({"sdp": "no offer"}, None, "offer"),
        ({"sdp": "v=0\r\nm=audio 9 RTP 0\r\n"}, None, "offer"),
        ({}, None, "sdp"),
        ({"sdp": "x" * 100_000}, None, "sdp"),
        ({"hop": "1000"}, None, "hop"),
        ({"emotion": "hapy"}, None, "expected an emotion"),
        ({"fly": "1"}, None, "fly"),
        ({}, b"no image", "as portrait"),
        ({"seed": str(REFUSES)}, None, "found none in 'portrait'"),
    ],
)
def test_wrong_offers_are_told(client, fields, upload, says):
    async def whole():
        caller = Caller()
        form = {"sdp": await caller.offer()} | fields
        await caller.close()
        if says == "sdp" and not fields:
            form = {}
        files = {"portrait": upload} if upload else None
        return await asyncio.to_thread(client.post, AT, data=form, files=files)

    refused = asyncio.run(whole())
    assert refused.status_code in (415, 422) and says in refused.json()["error"]
    assert client.get("/health").json()["streams"] == 0


def test_image_and_samples_of_a_tick_have_one_time_and_left_out_ticks_are_silent():
    async def whole():
        sender = Sender()
        image, pcm = np.zeros((8, 8, 3), np.uint8), np.arange(1, 641, dtype="<i2").tobytes()
        for tick in (0, 1, 4):
            sender.put(tick, image, pcm)
            await sender.video.recv() if tick == 0 else None
        images = [await sender.video.recv() for _ in range(2)]
        sounds = [await sender.audio.recv() for _ in range(10)]
        return images, sounds

    images, sounds = asyncio.run(whole())
    assert [frame.pts * frame.time_base * 1000 for frame in images] == [40, 160]
    assert [frame.pts * frame.time_base * 1000 for frame in sounds] == list(range(0, 200, 20))
    played = np.concatenate([frame.to_ndarray()[0] for frame in sounds]).reshape(5, 640)
    assert [row.any() for row in played] == [True, True, False, False, True]
    assert (played[4] == np.arange(1, 641)).all()
