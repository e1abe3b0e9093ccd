"""The festival synthesiser: recorded diphones and units of real speakers, where it is installed.

A new process answers each request: a voice loads in 0.1 s, and voices leave settings behind that
break others. Voices that choose at random are set not to, so that the same request gives the same
samples. festival has a free licence, and its voices come in packages of their own; they are tools
of the machine that makes training data, neither imported nor shipped.
"""

import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.synthetic.flite import Phones

_TIMEOUT_S = 60
# (playmate STRETCH TEXT FILE) prints one line: FILE, then the name and end of every phone
_PROGRAM = """
(define (playmate stretch text file)
  (Parameter.set 'Duration_Stretch stretch)
  (let ((utt (utt.synth (eval (list 'Utterance 'Text text)))))
    (utt.save.wave utt file 'riff)
    (format t "%s" file)
    (mapcar (lambda (s) (format t " %s %f" (item.name s) (item.feat s "end")))
      (utt.relation.items utt 'Segment))
    (format t "\\n")))
"""


def _ask(program: str, scheme: str) -> list[str]:
    """The lines that festival prints for a program on its standard input.

    Raises:
      OSError, subprocess.SubprocessError: festival does not start, or hangs.
    """
    done = subprocess.run(
        [program, "--pipe"],
        input=scheme.encode("latin-1", "ignore"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=_TIMEOUT_S,
        check=False,  # what it printed tells what it did
    )
    return done.stdout.decode("latin-1").splitlines()


@functools.cache
def voices() -> tuple[str, ...]:
    """The names of the installed voices; empty without festival."""
    program = shutil.which("festival")
    try:
        listed = '(mapcar (lambda (v) (format t "%s\\n" v)) (voice.list))'
        return tuple(line.strip() for line in _ask(program, listed)) if program else ()
    except (OSError, subprocess.SubprocessError):
        return ()


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", " ").replace('"', " ") + '"'


def _wave(path: Path) -> tuple[Float[np.ndarray, " s"], int]:
    """Audio in -1..1 and its rate in Hz, of a WAVE file of 16 bits as festival writes it."""
    data = path.read_bytes()
    hz = int.from_bytes(data[24:28], "little")
    return np.frombuffer(data[44 : len(data) - len(data) % 2], "<i2").astype(np.float32) / 32768, hz


def say(
    sentences: list[str], voice: str, stretch: float = 1.0
) -> list[tuple[Float[np.ndarray, " s"], int, Phones]]:
    """Speaks sentences; returns the audio in -1..1, its rate in Hz, and the phones of each.

    A sentence that the voice cannot read is left out.

    Args:
      voice: one of `voices()`.
      stretch: the factor by which speech is slower than the voice's own.

    Raises:
      UserError: festival or the voice is not installed, or festival hangs.
    """
    program = shutil.which("festival")
    if program is None or voice not in voices():
        raise UserError(
            f"expected festival with the voice {voice!r}, found "
            f"{', '.join(voices()) or 'no festival'}: install its package (docs/train.md)"
        )
    spoken = []
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{i}.wav" for i in range(len(sentences))]
        requests = [
            f"(playmate {stretch:.4f} {_quoted(text)} {_quoted(str(path))})"
            for text, path in zip(sentences, paths, strict=True)
        ]
        start = [f"(set! czech-randomize nil)\n(voice_{voice})", _PROGRAM]
        try:
            lines = _ask(program, "\n".join([*start, *requests]))
        except (OSError, subprocess.SubprocessError) as error:
            raise UserError(
                f"expected festival to speak as {voice!r}, found {error}: try it in a terminal"
            ) from error
        for path in paths:
            line = next((line for line in lines if line.startswith(f"{path} ")), "")
            fields = line.split()[1:]
            if fields and path.exists():
                phones = [(n, float(e)) for n, e in zip(fields[::2], fields[1::2], strict=True)]
                spoken.append((*_wave(path), phones))
    return spoken
