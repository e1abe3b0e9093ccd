"""Streams in an event loop: everything said once, ends in their place, interruptions at once."""

import asyncio
import threading
import time

import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.inference import Animator
from playmate_jax.inference.async_live import AsyncLiveStream, LiveFrame, UtteranceEnd
from playmate_jax.inference.live import LiveStream
from tests.plain_streams import plain_animator, tone


@pytest.fixture
def listen():
    """Runs `act(live)` beside a receiver; returns what was received, with its times."""

    def run(act, limit_s=60.0, **options):
        async def both():
            live = await AsyncLiveStream.open(plain_animator(), "portrait", **options)
            received = []

            async def receive():
                async for item in live:
                    received.append((time.perf_counter(), item))

            task = asyncio.create_task(receive())
            try:
                acted = await asyncio.wait_for(act(live), limit_s)
            finally:
                await live.close()
                await asyncio.wait_for(task, 5)
            return acted, received

        return asyncio.run(both())

    return run


def spoken(received):
    frames = [x for _, x in received if isinstance(x, LiveFrame) and x.frame.speaking]
    return np.concatenate([np.frombuffer(x.pcm, "<i2") for x in frames]) / 32767


@pytest.mark.parametrize("lookahead", [0, 5])
def test_each_utterance_is_followed_by_its_end(listen, lookahead):
    async def act(live):
        for frames in (10, 7):  # 10 is two whole hops: no frame at rest between the two
            live.push(tone(frames / 25, 16_000))
            assert live.end_utterance() and not live.end_utterance()
        return await live.drain(30)

    said, received = listen(act, lookahead=lookahead)
    order = ["end" if isinstance(x, UtteranceEnd) else x.frame.speaking for _, x in received]
    order = [x for x in order if x]
    assert said and order == [True] * 10 + ["end"] + [True] * 7 + ["end"]
    ticks = [x.tick for _, x in received if isinstance(x, LiveFrame)]
    assert ticks == list(range(len(ticks)))


@pytest.mark.parametrize("hz", [8_000, 24_000, 44_100])
def test_speech_of_any_rate_is_said_whole(listen, hz):
    async def act(live):
        whole = tone(1.0, hz)
        for start in range(0, len(whole), 1234):
            live.push(whole[start : start + 1234], hz)
        await live.drain(30)

    _, received = listen(act)
    said, wanted = spoken(received), np.frombuffer(tone(1.0, 16_000), "<i2") / 32767
    assert abs(np.count_nonzero(said) - 16_000) < 400
    assert np.corrcoef(said[400:15_000], wanted[400:15_000])[0, 1] > 0.99


def test_an_interruption_silences_within_two_hundred_milliseconds(listen):
    async def act(live):
        live.push(tone(5, 16_000))
        await asyncio.sleep(1)
        live.interrupt()
        interrupted = time.perf_counter()
        await asyncio.sleep(0.6)
        return interrupted, live.silent

    (interrupted, silent), received = listen(act)
    loud = [t for t, x in received if isinstance(x, LiveFrame) and any(x.pcm)]
    assert silent and loud and max(loud) < interrupted + 0.2
    after = [x for t, x in received if t > interrupted]
    assert len(after) > 5 and not any(isinstance(x, UtteranceEnd) for x in after)
    assert all(x.frame.generation == 1 for x in after)


def test_a_slow_receiver_slows_the_clock_and_the_close_leaves_no_thread():
    async def run():
        live = await AsyncLiveStream.open(plain_animator(), "portrait")
        await asyncio.sleep(0.5)
        waiting = live._items.qsize()
        await live.close()
        await live.close()
        return waiting

    before = threading.active_count()
    assert asyncio.run(run()) == 2
    assert threading.active_count() <= before


def test_a_clock_goes_on_that_was_interrupted_before_its_first_frame():
    stream, given, made = plain_animator().stream("portrait"), threading.Event(), []
    make = stream.make

    def make_then_interrupt(idle=False):
        made.append(make(idle))
        if len(made) == 1:
            stream.interrupt()
        return made[-1]

    stream.make = make_then_interrupt
    live = LiveStream(stream, lambda frame, held: given.set())
    live.start()
    assert given.wait(10)
    live.stop()


def test_half_a_sample_is_refused(listen):
    async def act(live):
        with pytest.raises(UserError, match="whole samples"):
            live.push(b"\0\0\0")

    listen(act)


def test_a_portrait_of_networks_speaks(tiny_weights):
    image = np.random.default_rng(5).integers(0, 255, (64, 64, 3), np.uint8)

    async def run():
        animator = Animator.from_weights(tiny_weights, batch=4)
        live = await AsyncLiveStream.open(animator, image, crop=False)
        live.push(tone(0.4, 16_000))
        live.end_utterance()
        shapes = set()
        async for item in live:
            if isinstance(item, UtteranceEnd):
                break
            shapes.add(item.frame.image.shape)
        await live.close()
        return shapes

    assert asyncio.run(asyncio.wait_for(run(), 300)) == {(64, 64, 3)}
