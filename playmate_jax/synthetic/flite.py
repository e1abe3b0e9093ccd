"""The flite synthesiser: voices built from recordings of real speakers, where it is installed.

`say` returns the audio and every phone with its times. The voices `slt`, `rms` and `awb` are
statistical models of three speakers of the ARCTIC recordings (Kominek & Black 2004), `kal16` joins
recorded diphones. flite has a free licence and is a tool of the machine that makes training data,
neither imported nor shipped. A new process speaks each sentence, so that nothing is kept between
them.
"""

import functools
import shutil
import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError

# Phones of a synthesiser's own alphabet: name, end in seconds.
Phones = list[tuple[str, float]]
_TIMEOUT_S = 60


@functools.cache
def voices() -> tuple[str, ...]:
    """The names of the installed voices; empty without flite."""
    program = shutil.which("flite")
    if not program:
        return ()
    try:
        listed = subprocess.run(
            [program, "-lv"], capture_output=True, text=True, timeout=_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(listed.stdout.partition(":")[2].split())


def say(
    sentences: list[str], voice: str, stretch: float = 1.0, pitch_hz: float | None = None
) -> list[tuple[Float[np.ndarray, " s"], int, Phones]]:
    """Speaks sentences; returns the audio in -1..1, its rate in Hz, and the phones of each.

    Args:
      voice: one of `voices()`.
      stretch: the factor by which speech is slower than the voice's own.
      pitch_hz: mean pitch; None: the voice's own.

    Raises:
      UserError: flite or the voice is not installed, or flite fails.
    """
    if voice not in voices():
        raise UserError(
            f"expected flite with the voice {voice!r}, found {', '.join(voices()) or 'no flite'}: "
            "run apt-get install flite"
        )
    settings = ["--setf", f"duration_stretch={stretch:.4f}"]
    if pitch_hz is not None:
        settings += ["--setf", f"int_f0_target_mean={pitch_hz:.2f}"]
    spoken = []
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "speech.wav")
        for text in sentences:
            command = ["flite", "-voice", voice, *settings, "-psdur", "-t", text, "-o", path]
            try:
                done = subprocess.run(
                    command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True
                )
                with wave.open(path) as file:
                    data, hz = file.readframes(file.getnframes()), file.getframerate()
            except (OSError, subprocess.SubprocessError, wave.Error, EOFError) as error:
                raise UserError(
                    f"expected flite to speak {text!r}, found {error}: try it in a terminal"
                ) from error
            audio = np.frombuffer(data, "<i2").astype(np.float32) / 32768
            parts = [phone.rpartition(":") for phone in done.stdout.split()]
            spoken.append((audio, hz, [(name, float(end)) for name, _, end in parts]))
    return spoken
