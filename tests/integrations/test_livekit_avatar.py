"""The LiveKit generator in an unmodified `AvatarRunner`, with a room that is none."""

import asyncio
import time
from unittest.mock import AsyncMock, Mock

import pytest

pytest.importorskip("livekit.agents", reason="needs pip install livekit-agents")
from livekit import rtc
from livekit.agents.voice.avatar import AudioSegmentEnd, AvatarRunner, QueueAudioOutput
from livekit_playmate import PlaymateVideoGenerator

from tests.plain_streams import SIZE, plain_animator, tone


def audio_frames(seconds, hz):
    whole, size = tone(seconds, hz), hz // 50 * 2  # 20 ms
    for start in range(0, len(whole), size):
        part = whole[start : start + size]
        yield rtc.AudioFrame(part, hz, 1, len(part) // 2)


def run(act):
    """Runs `act(audio, events)` beside a runner; returns the generator's output and the events."""

    async def whole():
        video = await PlaymateVideoGenerator.open(plain_animator(), "portrait")
        audio, events, given = QueueAudioOutput(sample_rate=16_000), [], []
        audio.on("playback_finished", lambda event: events.append((time.perf_counter(), event)))
        room = Mock(spec=rtc.Room, isconnected=lambda: True)
        room.local_participant.publish_track = AsyncMock(
            return_value=Mock(wait_for_subscription=AsyncMock())
        )
        runner = AvatarRunner(room, audio_recv=audio, video_gen=video, options=video.options)
        push = runner.av_sync.push

        async def noted(frame, timestamp=None):
            given.append((time.perf_counter(), frame))
            await push(frame, timestamp)

        runner.av_sync.push = noted
        await runner.start()
        try:
            await act(audio, events)
        finally:
            await runner.aclose()
            await video.aclose()
        return given, events, room.local_participant.publish_track.await_count

    return asyncio.run(asyncio.wait_for(whole(), 120))


async def until(condition, limit_s=30.0):
    deadline = time.perf_counter() + limit_s
    while not condition():
        assert time.perf_counter() < deadline
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("hz", [16_000, 24_000])
def test_a_segment_is_played_to_its_end_and_reported(hz):
    async def act(audio, events):
        for frame in audio_frames(1.0, hz):
            await audio.capture_frame(frame)
        audio.flush()
        await until(lambda: events)
        await asyncio.sleep(0.3)

    given, events, tracks = run(act)
    assert tracks == 2
    ((_, finished),) = events
    assert not finished.interrupted and finished.playback_position == pytest.approx(1.0, abs=0.041)
    kinds = [type(frame) for _, frame in given]
    sounds = [i for i, kind in enumerate(kinds) if kind is rtc.AudioFrame]
    assert all(kinds[i - 1] is rtc.VideoFrame for i in sounds)  # each with its image
    assert {given[i][1].samples_per_channel for i in sounds} == {640}
    assert all(kind is rtc.VideoFrame for kind in kinds[sounds[-1] + 1 :])  # at rest
    images = [frame for _, frame in given if isinstance(frame, rtc.VideoFrame)]
    assert {(image.width, image.height) for image in images} == {SIZE}


def test_a_cleared_buffer_silences_within_two_hundred_milliseconds():
    cleared = []

    async def act(audio, events):
        for frame in audio_frames(5.0, 16_000):
            await audio.capture_frame(frame)
        await asyncio.sleep(1.0)
        cleared.append(time.perf_counter())
        audio.clear_buffer()
        await asyncio.sleep(0.6)

    given, events, _ = run(act)
    loud = [t for t, frame in given if isinstance(frame, rtc.AudioFrame)]
    # 100 ms more may wait in the runner's own queue
    assert loud and max(loud) < cleared[0] + 0.1
    assert [t for t, _ in given if t > cleared[0] + 0.2]  # it moves on
    ((_, finished),) = events
    assert finished.interrupted and 0 < finished.playback_position < 2


def test_the_iterator_gives_the_end_of_each_segment_and_ends_with_the_generator():
    async def whole():
        video = await PlaymateVideoGenerator.open(plain_animator(), "portrait")
        for _ in range(2):
            for frame in audio_frames(0.4, 16_000):
                await video.push_audio(frame)
            await video.push_audio(AudioSegmentEnd())
        order = []
        async for item in video:
            order += [type(item)] if not isinstance(item, rtc.VideoFrame) else []
            if order.count(AudioSegmentEnd) == 2:
                await video.aclose()
        return order

    expected = [*[rtc.AudioFrame] * 10, AudioSegmentEnd] * 2
    assert asyncio.run(asyncio.wait_for(whole(), 60)) == expected
