"""The two tracks that a live portrait sends over WebRTC, and what of aiortc's and aioice's defaults
is changed for it.

Both tracks count the same ticks of 40 ms: an image is stamped with the time at which its samples
begin, so that the receiver plays them together.
"""

import asyncio
import ipaddress
from collections import deque
from fractions import Fraction

import numpy as np
from aioice import ice
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpSender
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame
from jaxtyping import UInt8

from playmate_jax.motion.layout import AUDIO_HZ, FPS, SAMPLES_PER_FRAME

_MOST_IMAGES, _MOST_SOUNDS = 2, 24  # that wait where the sender is slow; older ones are dropped
_PARTS = 2  # of a tick's samples: a packet of Opus holds 20 ms
_CODECS = ("video/VP8", "video/rtx")  # every browser has them, and VP8 takes images of any size


class OutTrack(MediaStreamTrack):
    """Sends what is put into it, as soon as it is asked for.

    Args:
      kind: "video" or "audio".
      most: frames that may wait.
    """

    def __init__(self, kind: str, most: int):
        super().__init__()
        self.kind = kind
        self._frames: deque[VideoFrame | AudioFrame] = deque(maxlen=most)
        self._there = asyncio.Event()

    def put(self, frame: VideoFrame | AudioFrame) -> None:
        """Appends a frame; where too many wait, the oldest is dropped."""
        self._frames.append(frame)
        self._there.set()

    async def recv(self) -> VideoFrame | AudioFrame:
        """The next frame, for aiortc; raises `MediaStreamError` after the end."""
        while not self._frames:
            if self.readyState != "live":
                raise MediaStreamError
            self._there.clear()
            await self._there.wait()
        return self._frames.popleft()


class Sender:
    """Image and sound of each tick, onto two tracks."""

    def __init__(self) -> None:
        self.video = OutTrack("video", _MOST_IMAGES)
        self.audio = OutTrack("audio", _MOST_SOUNDS)
        self._heard = 0  # ticks whose sound was put

    def put(self, tick: int, image: UInt8[np.ndarray, "h w 3"], pcm: bytes) -> None:
        """One tick. Ticks that were left out before it, after an interruption, are silent.

        Args:
          image: RGB.
          pcm: 640 samples, 16 bit, mono, 16 kHz.
        """
        while self._heard < tick:
            self._sound(self._heard, bytes(len(pcm)))
        self._sound(tick, pcm)
        frame = VideoFrame.from_ndarray(image, "rgb24")
        frame.pts, frame.time_base = tick, Fraction(1, FPS)
        self.video.put(frame)

    def _sound(self, tick: int, pcm: bytes) -> None:
        samples = np.frombuffer(pcm, "<i2").reshape(_PARTS, -1)
        for part, some in enumerate(samples):
            frame = AudioFrame.from_ndarray(some[None], "s16", "mono")
            frame.sample_rate, frame.time_base = AUDIO_HZ, Fraction(1, AUDIO_HZ)
            frame.pts = tick * SAMPLES_PER_FRAME + part * len(some)
            self.audio.put(frame)
        self._heard = tick + 1


def peer_connection(host: str) -> RTCPeerConnection:
    """A connection that asks no server elsewhere for addresses, and listens where the server does.

    Args:
      host: the server's address. A loopback address or another single one is the only one used;
        0.0.0.0 and :: stand for all of this machine.
    """
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host.strip("[]"))
    except ValueError:  # a name
        address = None
    if address is not None and not address.is_unspecified:
        # aioice has no option for this, and leaves out loopback addresses by itself
        ice.get_host_addresses = lambda use_ipv4, use_ipv6: [str(address)]
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


def prefer_codecs(connection: RTCPeerConnection) -> None:
    """Has the answer choose VP8; without, Chromium and Safari may ask for H.264."""
    offered = RTCRtpSender.getCapabilities("video").codecs
    for transceiver in connection.getTransceivers():
        if transceiver.kind == "video":
            transceiver.setCodecPreferences([c for c in offered if c.mimeType in _CODECS])
