"""A live portrait over WebRTC, in the child process: the client's packets come here, not to the
process that listens.

    in    the microphone's track, of any rate, and a data channel with the controls of the WebSocket
    out   a video and an audio track in step, and on the data channel {"type": "interrupted" |
          "ended" | "error"}

To the server go {"opened": {"sdp": ...}}, {"frames": n, "held": n} every second, {"ended": why},
and, after its "close", {"closed": figures}.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from aiortc import RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame
from pydantic import ValidationError

from playmate_jax.errors import UserError
from playmate_jax.inference.async_live import AsyncLiveStream, LiveFrame
from playmate_jax.inference.portrait_stream import PortraitStream
from playmate_jax.serve.messages import Channel
from playmate_jax.serve.rtc_tracks import Sender, peer_connection, prefer_codecs
from playmate_jax.serve.stream_messages import Control, first_problem

_CONNECT_S = 20.0  # from the answer until the media can flow
_REPORT_S = 1.0
_LAST_WORDS_S = 60.0  # what is left to be said after "end"
_LOST = ("closed", "failed")


class RtcSession:
    """One portrait, one connection.

    Args:
      stream: of the portrait.
      channel: to the server.
      wanted: what the client asked for, with "sdp", "host" and "idle_s".
      change: follows {"emotion": ...} or {"head_motion": ...}.
      marked: makes a context of an image, in which it may have a mark.
    """

    def __init__(
        self,
        stream: PortraitStream,
        channel: Channel,
        wanted: dict[str, Any],
        change: Callable[[dict[str, Any]], None],
        marked: Callable[[np.ndarray], AbstractContextManager[np.ndarray]],
    ):
        self._marked = marked
        self._stream, self._channel, self._wanted, self._change = stream, channel, wanted, change
        self._live: AsyncLiveStream | None = None
        self._control: RTCDataChannel | None = None
        self._tasks: set[asyncio.Task] = set()
        self._frames, self._held, self._heard_s = 0, 0, 0.0

    def run(self, opened: dict[str, Any]) -> None:
        """Answers the offer, sends frames until either side ends, and waits for "close".

        Args:
          opened: what the server is told with the answer.
        """
        asyncio.run(self._run(opened))

    async def _run(self, opened: dict[str, Any]) -> None:
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._connected, self._sender = asyncio.Event(), Sender()
        connection = peer_connection(self._wanted["host"])
        try:
            try:
                sdp = await self._answer(connection)
            except UserError as error:
                return self._channel.send({"refused": str(error)})
            except Exception as error:  # whatever an offer that is none makes of it
                sentence = f"expected the offer of a browser, found none ({type(error).__name__})"
                return self._channel.send({"refused": sentence})
            self._channel.send({"opened": opened | {"sdp": sdp}})
            closing = asyncio.create_task(asyncio.to_thread(self._until_close))
            await asyncio.wait(
                {closing, self._start(self._talk()), self._ended},
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not closing.done():
                self._channel.send({"ended": self._ended.result() if self._ended.done() else ""})
            await closing
        finally:
            for task in self._tasks:
                task.cancel()
            if self._live is not None:
                await self._live.close()
            await connection.close()
        self._channel.send({"closed": {"frames": self._frames, "held": self._held}})

    async def _answer(self, connection: RTCPeerConnection) -> str:
        connection.on("track", lambda track: self._start(self._hear(track)))
        connection.on("datachannel", self._listen)

        @connection.on("connectionstatechange")
        def changed() -> None:
            if connection.connectionState == "connected":
                self._connected.set()
            elif connection.connectionState in _LOST:
                self._end("the connection was closed")

        await connection.setRemoteDescription(RTCSessionDescription(self._wanted["sdp"], "offer"))
        kinds = [transceiver.kind for transceiver in connection.getTransceivers()]
        if sorted(kinds) != ["audio", "video"]:
            raise UserError(
                "expected an offer of one audio and one video section, found "
                f"{', '.join(kinds) or 'none'}: offer the microphone and receive a video"
            )
        connection.addTrack(self._sender.audio)
        connection.addTrack(self._sender.video)
        prefer_codecs(connection)
        await connection.setLocalDescription(await connection.createAnswer())
        return connection.localDescription.sdp

    async def _talk(self) -> None:
        """Frames, from the moment that the client can receive them."""
        try:
            async with asyncio.timeout(_CONNECT_S):
                await self._connected.wait()
        except TimeoutError:
            return self._end(f"there was no connection within {_CONNECT_S:g} s")
        self._heard_s = asyncio.get_running_loop().time()
        live = AsyncLiveStream(self._stream)
        await live.start()
        self._live = live
        self._start(self._report())
        try:
            async for item in live:
                if isinstance(item, LiveFrame):
                    self._frames, self._held = self._frames + 1, self._held + item.held
                    with self._marked(item.frame.image) as image:
                        self._sender.put(item.tick, image, item.pcm)
        except Exception as error:
            self._end(f"unexpected {type(error).__name__}")

    async def _report(self) -> None:
        """Tells the server how many frames there were, and ends a stream that nobody talks to."""
        frames = held = 0
        while True:
            await asyncio.sleep(_REPORT_S)
            self._channel.send({"frames": self._frames - frames, "held": self._held - held})
            frames, held = self._frames, self._held
            silent_s = asyncio.get_running_loop().time() - self._heard_s
            if silent_s > self._wanted["idle_s"]:
                self._end(f"nothing was received for {self._wanted['idle_s']:g} s")

    async def _hear(self, track: MediaStreamTrack) -> None:
        """The microphone, as long as it is open."""
        told_s = 0.0
        while track.kind == "audio":
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if self._live is None or not isinstance(frame, AudioFrame):
                continue
            self._heard_s = asyncio.get_running_loop().time()
            pcm = frame.to_ndarray().astype("<i2").tobytes()
            try:
                self._live.push(pcm, frame.sample_rate, frame.layout.nb_channels)
            except UserError as error:  # more than can wait: this machine is too slow
                if self._heard_s > told_s + 1:
                    told_s = self._heard_s
                    self._tell({"type": "error", "error": str(error)})

    def _listen(self, control: RTCDataChannel) -> None:
        self._control = control
        control.on("message", self._follow)

    def _follow(self, text: str | bytes) -> None:
        try:
            asked = Control.model_validate_json(text).to_child()
            if self._live is None:
                raise UserError("expected messages after the first frame, found one before it")
            self._heard_s = asyncio.get_running_loop().time()
            if "interrupt" in asked:
                self._tell({"type": "interrupted", "generation": self._live.interrupt()})
            elif "utterance_end" in asked:
                self._live.end_utterance()
            elif "end" in asked:
                self._start(self._say_the_rest())
            else:
                self._change(asked)
        except (ValidationError, UserError) as error:
            self._tell({"type": "error", "error": first_problem(error)})

    async def _say_the_rest(self) -> None:
        assert self._live is not None
        await self._live.drain(_LAST_WORDS_S)
        self._tell({"type": "ended"})
        await asyncio.sleep(_REPORT_S / 2)  # until it is sent
        self._end("")

    def _tell(self, message: dict[str, Any]) -> None:
        if self._control is not None and self._control.readyState == "open":
            self._control.send(json.dumps(message))

    def _end(self, why: str) -> None:
        if not self._ended.done():
            self._ended.set_result(why)

    def _start(self, work: Any) -> asyncio.Task:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _until_close(self) -> None:
        """Waits for the server; raises EOFError where it is gone."""
        while True:
            asked = self._channel.receive()
            if isinstance(asked, dict) and "close" in asked:
                return
