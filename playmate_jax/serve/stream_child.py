"""Live portraits in a process of their own: speech comes in, a frame goes out every 40 ms.

In: {"open": ...}, then binary PCM and controls ("interrupt", "utterance_end", "emotion",
"head_motion", "gaze", "end", "close"). Out: {"opened": ...}, frames (`messages.frame_message`), and
at the end {"closed": figures}. A second "open" starts the next portrait. Where "open" has an offer
of WebRTC, what flows between client and child is in `rtc_child.py`.
"""

import contextlib
import threading
from functools import partial
from typing import Any

import cv2
import numpy as np

from playmate_jax.errors import UserError
from playmate_jax.inference.animator import Animator
from playmate_jax.inference.emotion import EmotionTrack, parse_emotion_text
from playmate_jax.inference.live import LiveStream
from playmate_jax.inference.portrait_stream import PortraitStream, StreamFrame
from playmate_jax.inference.streaming import BUNDLED_SPEECH
from playmate_jax.media.mark import Mark
from playmate_jax.motion.layout import AUDIO_HZ, FPS
from playmate_jax.serve.messages import HELD, SPEAKING, Channel, frame_message

BUNDLED_PORTRAIT = BUNDLED_SPEECH.with_name("portrait.png")
OPTIONS = ("seed", "hop", "lookahead", "steps", "head_motion", "face", "max_side", "paste")
_SCALES = {"s16le": ("<i2", 1 / 32768), "f32le": ("<f4", 1.0)}


class Streams:
    """Opens one stream after another; each runs until its client has done with it.

    Args:
      animator: with a generator that can stream; the bundled portrait compiles its programs.
      mark: whether images have the label "AI-generated".
    """

    def __init__(self, animator: Animator, channel: Channel, mark: bool):
        self._animator, self._channel, self._mark = animator, channel, mark
        animator.stream(BUNDLED_PORTRAIT).make(idle=True)

    def __call__(self, asked: dict[str, Any]) -> None:
        if (wanted := asked.get("open")) is None:
            return  # controls of a stream that has ended
        portrait = wanted.get("portrait") or BUNDLED_PORTRAIT
        given = {name: wanted[name] for name in OPTIONS if wanted.get(name) is not None}
        if any(gaze := (wanted.get("gaze_x", 0.0), wanted.get("gaze_y", 0.0))):
            given["gaze"] = gaze
        try:
            stream = self._animator.stream(portrait, emotion=_emotion(wanted), **given)
        except UserError as error:
            return self._channel.send({"refused": str(error).replace(str(portrait), "portrait")})
        except Exception as error:
            return self._channel.send({"refused": f"unexpected {type(error).__name__}"})
        width, height = stream.size
        marked = Mark(stream.size).on if self._mark else contextlib.nullcontext
        facts = {
            "width": width, "height": height, "fps": FPS, "audio_hz": AUDIO_HZ,
            "hop": stream.hop, "lookahead": stream.lookahead, "notices": stream.notices,
        }  # fmt: skip
        if "sdp" in wanted:
            from playmate_jax.serve.rtc_child import RtcSession

            change = partial(_change, stream)
            return RtcSession(stream, self._channel, wanted, change, marked).run(facts)
        self._channel.send({"opened": facts})
        _Session(stream, self._channel, wanted, marked).run()


class _Session:
    """One open stream: controls in, frames out."""

    def __init__(
        self, stream: PortraitStream, channel: Channel, wanted: dict[str, Any], marked: Any
    ):
        self._stream, self._channel, self._marked = stream, channel, marked
        self._quality = int(wanted.get("quality") or 85)
        self._dtype, self._scale = _SCALES[wanted.get("format") or "s16le"]
        self._live = LiveStream(stream, self._deliver)
        self._rest = b""  # of a sample that was cut in two
        self._ender: threading.Thread | None = None

    def run(self) -> None:
        """Follows the controls until "close"; frames are sent meanwhile."""
        self._live.start()
        try:
            while self._follow(self._channel.receive()):
                pass
        finally:
            self._live.stop()
            if self._ender is not None:
                self._ender.join()  # nothing may come after "closed"
        if isinstance(self._live.error, Exception):
            self._channel.send({"refused": f"unexpected {type(self._live.error).__name__}"})
        figures = {"frames": self._live.ticks, "held": self._live.held}
        self._channel.send({"closed": figures | {"shift_s": round(self._live.shift_s, 3)}})

    def _follow(self, asked: dict[str, Any] | bytes) -> bool:
        try:
            if isinstance(asked, bytes):
                self._stream.push(self._samples(asked))
            elif "interrupt" in asked:
                self._channel.send({"interrupted": self._stream.interrupt()})
            elif "utterance_end" in asked:
                self._stream.end_utterance()
            elif "end" in asked:
                self._live.finish()
                if self._ender is None:
                    self._ender = threading.Thread(target=self._tell_end, daemon=True)
                    self._ender.start()
            else:
                _change(self._stream, asked)
        except UserError as error:
            self._channel.send({"error": str(error)})
        return not (isinstance(asked, dict) and "close" in asked)

    def _tell_end(self) -> None:
        """Waits until all is said; controls are followed meanwhile."""
        self._live.join()
        with contextlib.suppress(OSError):  # nobody is there any more
            self._channel.send({"ended": True})

    def _samples(self, data: bytes) -> np.ndarray:
        data = self._rest + data
        whole = len(data) - len(data) % np.dtype(self._dtype).itemsize
        self._rest = data[whole:]
        return np.frombuffer(data[:whole], self._dtype).astype(np.float32) * np.float32(self._scale)

    def _deliver(self, frame: StreamFrame, held: bool) -> None:
        quality = [cv2.IMWRITE_JPEG_QUALITY, self._quality]
        with self._marked(frame.image) as image:
            _, jpeg = cv2.imencode(".jpg", image[..., ::-1], quality)
        flags = SPEAKING * frame.speaking | HELD * held
        self._channel.send(
            frame_message(frame.number, frame.generation, flags, jpeg.tobytes(), frame.samples)
        )


def _change(stream: PortraitStream, asked: dict[str, Any]) -> None:
    """What the next frames go towards; other messages change nothing."""
    if "emotion" in asked:
        stream.change(emotion=_emotion(asked))
    elif "head_motion" in asked:
        stream.change(head_motion=asked["head_motion"])
    elif "gaze" in asked:
        stream.change(gaze=asked["gaze"])


def _emotion(asked: dict[str, Any]) -> EmotionTrack | None:
    text = asked.get("emotion")
    return None if text is None else parse_emotion_text(text)
