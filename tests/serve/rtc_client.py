"""A client of WebRTC on this machine: a microphone out, image and sound in."""

import asyncio
import json
import time
from fractions import Fraction

import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

HZ, PART = 48_000, 960  # of the microphone: what browsers send


class Microphone(MediaStreamTrack):
    """20 ms at a time at their own pace, while `open`; else nothing."""

    kind = "audio"

    def __init__(self):
        super().__init__()
        self.open, self._sent, self._due = asyncio.Event(), 0, None

    async def recv(self):
        if not self.open.is_set():
            self._due = None
        await self.open.wait()
        now = time.monotonic()
        self._due = max(self._due or now, now - 0.1)
        await asyncio.sleep(max(0.0, self._due - now))
        self._due += PART / HZ
        at = (self._sent + np.arange(PART)) / HZ
        tone = (8000 * np.sin(2 * np.pi * 440 * at)).astype("<i2")
        frame = AudioFrame.from_ndarray(tone[None], "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = HZ, self._sent, Fraction(1, HZ)
        self._sent += PART
        return frame


class Caller:
    """One connection; `images` and `sounds` are what came: (seconds as stamped, brightness or
    loudness)."""

    def __init__(self):
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.microphone, self.images, self.sounds, self.told = Microphone(), [], [], []
        self.sizes = set()
        self.connection.addTrack(self.microphone)
        self.connection.addTransceiver("video", direction="recvonly")
        self.control = self.connection.createDataChannel("control")
        self.control.on("message", lambda text: self.told.append(json.loads(text)))
        self._tasks = []
        self.connection.on("track", lambda track: self._tasks.append(
            asyncio.ensure_future(self._receive(track))
        ))  # fmt: skip

    async def offer(self):
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def accept(self, sdp):
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    async def _receive(self, track):
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            at = float(frame.pts * frame.time_base)
            if track.kind == "video":
                self.sizes.add((frame.width, frame.height))
                self.images.append((at, float(frame.to_ndarray(format="gray").mean())))
            else:
                self.sounds.append((at, float(np.abs(frame.to_ndarray().astype(float)).mean())))

    async def until(self, wanted, seconds=60.0):
        deadline = time.monotonic() + seconds
        while not wanted():
            assert time.monotonic() < deadline, "it did not come"
            await asyncio.sleep(0.01)

    async def close(self):
        await self.connection.close()
