"""When is which phone spoken? Times of the phones of a recording, from its words where given.

With a transcript the words' phones (CMU dictionary, ARPAbet without stress) are aligned to the
sound; without one, phones are decoded with a language model of phones, which hears many of them
wrongly. Both are CMU PocketSphinx with the English model in its package: times in steps of 10 ms.
A transcript file holds one recording a line, as CMU writes it: `<s> and then </s> (name)`, where
the name is the file's without suffix.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError

SILENCE = "SIL"
STEPS_HZ = 100
TRANSCRIPTS = "transcription"  # the file's name in a folder of recordings
DECODER: Mapping[str, Any] = dict(lm=None, loglevel="FATAL")
# The search loses its path where a word is spoken unclearly, with some beams and not with others:
# tried in this order.
ALIGNERS: Sequence[Mapping[str, Any]] = (
    DECODER,
    dict(DECODER, beam=1e-60, pbeam=1e-60, wbeam=1e-40),
    dict(DECODER, beam=1e-60, pbeam=1e-60, wbeam=1e-40, bestpath=False),
)
# The weight of the phone model is the one that PocketSphinx' documentation recommends.
PHONE_DECODER: Mapping[str, Any] = dict(DECODER, lw=2.0, beam=1e-20, pbeam=1e-20)
_LINE = re.compile(r"^(?:<s>)?\s*(.*?)\s*(?:</s>)?\s*\(([^()]+)\)$")


class Phone(NamedTuple):
    """One phone from `start` to `end` in seconds, and its word ("" if unknown)."""

    name: str
    start: float
    end: float
    word: str = ""


def read_transcripts(folder: Path) -> dict[str, str]:
    """Words by recording name from a folder's file `transcription`; empty without one.

    Raises:
      UserError: a line is not of the form `<s> words </s> (name)`.
    """
    path = folder / TRANSCRIPTS
    if not path.exists():
        return {}
    result = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip():
            continue
        if not (found := _LINE.match(line.strip())):
            raise UserError(
                f"expected lines like '<s> some words </s> (name)' in '{path}', found "
                f"'{line.strip()[:60]}' in line {number}: name the recording in round brackets"
            )
        result[found[2]] = found[1]
    return result


def align(audio: Float[np.ndarray, " s"], words: str) -> list[Phone]:
    """Phones of known words in mono sound at 16 kHz, with `SILENCE` between them.

    Raises:
      UserError: a word is not in the dictionary, or the words do not fit the sound.
    """
    sphinx, samples = _pocketsphinx(), _samples(audio)
    dictionary = sphinx.get_model_path("en-us/cmudict-en-us.dict")
    spoken = [found.strip("'") for found in re.findall(r"\w[\w']*", words.lower())]
    for options in ALIGNERS:
        decoder = sphinx.Decoder(dict=dictionary, **options)
        if unknown := sorted({word for word in spoken if decoder.lookup_word(word) is None}):
            raise UserError(
                f"expected words of the CMU dictionary, found {', '.join(unknown)}: write each as "
                "words that sound the same, or take the line out of the transcription"
            )
        if spoken and (phones := _aligned(decoder, samples, " ".join(spoken))):
            return phones
    raise UserError(
        f"expected the words that are spoken, found a transcript that does not fit the sound: "
        f"'{words[:60]}'; write what is said from the first word to the last, and cut recordings "
        "of more than half a minute"
    )


def _aligned(decoder: Any, samples: bytes, words: str) -> list[Phone]:
    """Phones of words; empty where no path through the words reaches the end of the sound."""
    decoder.set_align_text(words)
    try:
        _decode(decoder, samples)
        if decoder.hyp() is None:
            return []
        decoder.set_alignment()  # a second pass splits the words into phones
        _decode(decoder, samples)
        alignment = decoder.get_alignment()
    except RuntimeError:
        return []
    phones: list[Phone] = []
    for word in alignment or ():  # entries are read at once: they point into the decoder's memory
        for part in word:
            begin, end = part.start / STEPS_HZ, (part.start + part.duration) / STEPS_HZ
            name = SILENCE if part.name.startswith("+") else part.name
            phones.append(Phone(name, begin, end, word.name))
    return phones if any(phone.name != SILENCE for phone in phones) else []


def decode_phones(audio: Float[np.ndarray, " s"]) -> list[Phone]:
    """Phones heard in mono sound at 16 kHz whose words are not known; noises are left out."""
    sphinx = _pocketsphinx()
    model = sphinx.get_model_path("en-us/en-us-phone.lm.bin")
    decoder = sphinx.Decoder(allphone=model, **PHONE_DECODER)
    _decode(decoder, _samples(audio))
    return [
        Phone(part.word, part.start_frame / STEPS_HZ, (part.end_frame + 1) / STEPS_HZ)
        for part in decoder.seg() or []
        if not part.word.startswith("+")
    ]


def _pocketsphinx() -> Any:
    try:
        import pocketsphinx
    except ImportError:
        raise UserError(
            "phones of recordings need pocketsphinx, which is not installed: "
            "pip install pocketsphinx"
        ) from None
    return pocketsphinx


def _samples(audio: Float[np.ndarray, " s"]) -> bytes:
    return (np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes()


def _decode(decoder: Any, samples: bytes) -> None:
    decoder.start_utt()
    decoder.process_raw(samples, full_utt=True)
    decoder.end_utt()
