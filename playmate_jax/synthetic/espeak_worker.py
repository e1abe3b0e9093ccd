"""The process that runs espeak-ng: `python -m playmate_jax.synthetic.espeak_worker`.

The library keeps state between calls (flutter, wave phase, random numbers), so the same text gives
different samples each time. Here a new fork of a process that loaded the library but never used it
answers each request, so that the same request gives the same samples. A crash or a hang of the
library is also confined to this process.

Protocol: a message is the length of its header (8 bytes), the header (JSON), and the samples that
the header announces (float32, little-endian). A request on stdin holds `sentences`, a list of
(text, voice, rate, pitch, pitch_range). An answer on stdout holds `error`, a message or "", and the
`phonemes` and samples of each sentence. The first answer, after loading, holds no sentences.
"""

import ctypes
import json
import os
import signal
import struct
import sys
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np

from playmate_jax.motion.layout import AUDIO_HZ
from playmate_jax.synthetic.phonemes import SILENCE, Segment
from playmate_jax.synthetic.sentences import with_stress

# IPA symbol:phoneme
_IPA = dict(
    pair.split(":")
    for pair in (
        "i:iy ɪ:ih e:e ɛ:eh æ:ae a:aa ɑ:aa ɒ:ao ɔ:ao o:o ʊ:uh u:uw ʌ:ah ɐ:ah ə:ax ɚ:er ɜ:er "
        "ɝ:er y:yy ø:oe œ:oe ɨ:ih ʉ:uw ɯ:uh ᵻ:ih p:p b:b t:t d:d k:k ɡ:g g:g q:k m:m n:n ŋ:ng "
        "ɲ:n f:f v:v θ:th ð:dh s:s z:z ʃ:sh ʒ:zh ɕ:sh ʑ:zh ʂ:sh ʐ:zh h:h ɦ:h w:w ʋ:v j:j l:l "
        "ɫ:l ʎ:l ɹ:r r:r ɾ:r ɽ:r ʁ:r ʀ:r x:x ç:sh χ:x ɣ:g β:v c:k ɟ:g ʔ:sil ʈ:t ɖ:d ɳ:n ɭ:l "
        "ɻ:r"
    ).split()
)

_RATE, _PITCH, _RANGE = 1, 3, 4  # espeak_PARAMETER
_PHONEME_EVENT, _LAST_EVENT = 7, 0
_SYNCHRONOUS, _PHONEME_IPA = 2, 3


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int), ("length", ctypes.c_int), ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int), ("user_data", ctypes.c_void_p), ("string", ctypes.c_char * 8),
    ]  # fmt: skip


class _Library:
    """The loaded library, and the buffers that its callback fills. Its state is global, so there is
    one per process."""

    def __init__(self):
        self.lib = ctypes.CDLL("libespeak-ng.so.1")
        self.audio: list[np.ndarray] = []
        self.events: list[tuple[float, str]] = []
        self.hz = self.lib.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_IPA)
        kind = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
        )
        self.callback = kind(self._receive)  # kept: ctypes holds no reference to it
        self.lib.espeak_SetSynthCallback(self.callback)

    def _receive(self, samples, count, events):
        if samples and count > 0:
            self.audio.append(np.ctypeslib.as_array(samples, (count,)).copy())
        i = 0
        while events[i].type != _LAST_EVENT:
            if events[i].type == _PHONEME_EVENT:
                name = events[i].string.decode("utf8", "ignore")
                self.events.append((events[i].audio_position / 1000, name))
            i += 1
        return 0


def _resample(audio: np.ndarray, hz: int) -> np.ndarray:
    """Resamples to 16 kHz in the spectrum: exact below 8 kHz, and without importing scipy here."""
    n = len(audio) * AUDIO_HZ // hz
    spectrum = np.fft.rfft(audio)[: n // 2 + 1]
    return (np.fft.irfft(spectrum, n) * (n / len(audio))).astype(np.float32)


def _say(library: _Library, text: str, voice: str, rate: float, pitch: float, pitch_range: float):
    library.audio.clear()
    library.events.clear()
    if library.lib.espeak_SetVoiceByName(voice.encode()) != 0:
        raise ValueError(f"no voice {voice!r}")
    for parameter, value in ((_RATE, rate), (_PITCH, pitch), (_RANGE, pitch_range)):
        library.lib.espeak_SetParameter(parameter, int(value), 0)
    data = text.encode() + b"\0"
    library.lib.espeak_Synth(data, len(data), 0, 1, 0, 1, None, None)
    library.lib.espeak_Synchronize()
    if not library.audio:
        return np.zeros(0, np.float32), []
    audio = np.concatenate(library.audio).astype(np.float32) / 32768
    audio = _resample(audio, library.hz)
    return audio, _segments(library.events, audio)


def _segments(events: list[tuple[float, str]], audio: np.ndarray) -> list[Segment]:
    """Phonemes from IPA events. The events have no stress: it is estimated."""
    ends = [start for start, _ in events[1:]] + [len(audio) / AUDIO_HZ]
    phonemes = []
    for (start, ipa), end in zip(events, ends, strict=True):
        names = ([_IPA[c] for c in ipa if c in _IPA] or [SILENCE])[:2]
        for i, name in enumerate(names):
            a, b = (start + (end - start) * k / len(names) for k in (i, i + 1))
            if b > a:
                phonemes.append(Segment(name, a, b))
    return with_stress(phonemes, audio)


def send(stream: BinaryIO, header: dict[str, Any], audio: Sequence[np.ndarray] = ()) -> None:
    """Writes one message, a header and arrays of samples, to a stream."""
    data = json.dumps({**header, "samples": [len(samples) for samples in audio]}).encode()
    stream.write(struct.pack("<Q", len(data)) + data)
    for samples in audio:
        stream.write(samples.astype("<f4").tobytes())
    stream.flush()


def receive(stream: BinaryIO) -> tuple[dict[str, Any], list[np.ndarray]] | None:
    """Reads one message: its header and arrays of samples; None at the end of the stream."""
    length = stream.read(8)
    if len(length) < 8:
        return None
    header = json.loads(stream.read(*struct.unpack("<Q", length)))
    sizes = header.pop("samples")
    return header, [np.frombuffer(stream.read(4 * n), "<f4").astype(np.float32) for n in sizes]


def _answer(stream: BinaryIO, error: str = "", spoken: Sequence[Any] = ()) -> None:
    header = {"error": error, "phonemes": [phonemes for _, phonemes in spoken]}
    send(stream, header, [audio for audio, _ in spoken])


def main() -> None:
    """Answers requests on standard input until it is closed."""
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process handles Ctrl-C
    try:
        library = _Library()
    except OSError as error:
        return _answer(answers, f"no espeak-ng: {error}")
    _answer(answers, "" if library.hz > 0 else "no espeak-ng: it has no voices")
    while request := receive(requests):
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            error, spoken = "", []
            try:
                spoken = [_say(library, *sentence) for sentence in request[0]["sentences"]]
            except ValueError as problem:
                error = str(problem)
            signal.alarm(0)  # no alarm may interrupt an answer
            _answer(answers, error, spoken)
            os._exit(0)
        if os.waitpid(child, 0)[1] != 0:
            _answer(answers, "espeak-ng died")


if __name__ == "__main__":
    main()
