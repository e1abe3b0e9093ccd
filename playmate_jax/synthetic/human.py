"""Voices built from recordings of real speakers, with known phoneme times: flite and festival.

A model trained on formant voices closes the lips on fewer than seven in ten of the bilabials that
real people speak: closures of real speech are voiced, short and leaky. Here diphones and units are
cut from recordings, or statistical models were fitted to them, and the synthesiser knows the times.
Each voice has its table of phones. Resampling by a random factor makes other speakers of it: vocal
tract, pitch and rate change together, and times change exactly with them.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.motion.layout import AUDIO_HZ
from playmate_jax.synthetic import festival, flite
from playmate_jax.synthetic.phonemes import Segment
from playmate_jax.synthetic.sentences import Spoken, random_text, spoken_clip, with_stress


def _table(text: str) -> dict[str, tuple[str, ...]]:
    """Phones of a synthesiser and the one or two of our phonemes that each is, PHONE=A or
    PHONE=A+B; a name alone is the same in both."""
    pairs = [entry.partition("=") for entry in text.split()]
    return {phone: tuple((ours or phone).split("+")) for phone, _, ours in pairs}


_PHONES = {
    "en": _table(
        "aa ae ah ao ax eh er ih iy uh uw ay=aa+ih ey=e+ih ow=o+uh aw=aa+uh oy=ao+ih axr=er p "
        "b t d k g dx=d ch=t+sh jh=d+zh f v th dh s z sh zh hh=h hv=h m n ng nx=n em=m en=n "
        "el=l l r w y=j pau=sil h#=sil brth=sil"
    ),
    "it": _table(
        "i=iy i1=iy e e1=e E=eh E1=eh a=aa a1=aa o o1=o O=ao O1=ao u=uw u1=uw j w p b t d k g "
        "f v s z S=sh Z=zh ts=t+s tS=t+sh dz=d+z dZ=d+zh m n J=n ng nf=n l L=l r #=sil"
    ),
    "fi": _table(
        "a=aa e i=iy o u=uw y=yy @=ax 7=oe &=ae a:=aa e:=e i:=iy o:=o u:=uw y:=yy @:=ax 7:=oe "
        "&:=ae p b t d k g f s T=th D=dh z S=sh Z=zh h v m n N=ng l L=l r j w p:=p b:=b t:=t "
        "d:=d k:=k g:=g f:=f s:=s T:=th D:=dh z:=z S:=sh Z:=zh h:=h v:=v m:=m n:=n N:=ng l:=l "
        "L:=l r:=r j:=j w:=w #=sil ##=sil"
    ),
    "cs": _table(
        "a=aa a:=aa e=eh e:=eh i=ih i:=iy o o:=o u=uh u:=uw p b t t~=t d d~=d k g c=t+s "
        "c~=t+sh dz=d+z dz~=d+zh f v s z s~=sh z~=zh ch=x h m n n~=n n*=ng l r r~=zh r~*=sh j "
        "#=sil _=sil"
    ),
    "ru": _table(
        "ii=iy i=ih yy=ih y=ih ee=eh e=eh aa a=ah ae=ae ay=ax oo=o uu=uw u=uh ur=ax p pp=p b "
        "bb=b t tt=t d dd=d k kk=k g gg=g c=t+s ch=t+sh sch=sh sh zh s ss=s z zz=z f ff=f v "
        "vv=v h=x hh=x m mm=m n nn=n l ll=l r rr=r j pau=sil"
    ),
}


class Voice(NamedTuple):
    """A voice: the synthesiser that has it, its language, and the lag of its audio in seconds
    behind the phone times (measured by correlating the level with closures and hisses)."""

    program: str
    name: str
    language: str = "en"
    lag_s: float = 0.0
    pitch_hz: float | None = None
    scaled: bool = False  # phone times add up to another length than the audio's
    weight: float = 1.0


VOICES = (
    Voice("flite", "rms", lag_s=0.005, pitch_hz=95, weight=4),
    Voice("flite", "slt", lag_s=0.012, pitch_hz=165, weight=4),
    Voice("flite", "kal16", lag_s=0.005, pitch_hz=105, weight=2),
    Voice("festival", "cmu_us_slt_arctic_hts", lag_s=0.01, weight=0.4),
    Voice("festival", "lp_diphone", "it"),
    Voice("festival", "suo_fi_lj_diphone", "fi", 0.025),
    Voice("festival", "hy_fi_mv_diphone", "fi", 0.02),
    Voice("festival", "czech_dita", "cs"),
    Voice("festival", "czech_krb", "cs"),
    Voice("festival", "czech_machac", "cs"),
    Voice("festival", "czech_ph", "cs", 0.01),
    Voice("festival", "msu_ru_nsh_clunits", "ru", scaled=True, weight=0.5),
)
# for tests, never for training
HELD_OUT_VOICES = (
    Voice("flite", "awb", lag_s=0.005, pitch_hz=120, weight=2),
    Voice("festival", "ked_diphone", lag_s=0.01),
    Voice("festival", "pc_diphone", "it"),
)


def installed(held_out: bool = False) -> list[Voice]:
    """The voices that this machine has, of those for training or of those that are held out."""
    found = {"flite": flite.voices(), "festival": festival.voices()}
    return [v for v in (HELD_OUT_VOICES if held_out else VOICES) if v.name in found[v.program]]


def available(held_out: bool = False) -> bool:
    """Whether this machine has any of the voices."""
    return bool(installed(held_out))


def resampled(audio: Float[np.ndarray, " s"], length: int) -> Float[np.ndarray, " n"]:
    """`length` samples of the same sound, resampled in the spectrum."""
    spectrum = np.fft.rfft(audio)[: length // 2 + 1]
    return (np.fft.irfft(spectrum, length) * (length / len(audio))).astype(np.float32)


def _segments(voice: Voice, phones: flite.Phones, seconds: float, factor: float) -> list[Segment]:
    """Our phonemes of a sentence, without gaps from 0 to `seconds`, `factor` times faster."""
    last = phones[-1][1]
    scale = seconds / last if voice.scaled else 1 / factor
    ends = [min(end * scale + voice.lag_s / factor, seconds) for _, end in phones]
    ends[-1] = seconds
    segments, start = [], 0.0
    for (phone, _), end in zip(phones, ends, strict=True):
        names = _PHONES[voice.language].get(phone)
        if names is None:
            raise UserError(
                f"expected a phone of festival's or flite's voice {voice.name!r}, found {phone!r}: "
                "add it to the table of playmate_jax/synthetic/human.py"
            )
        for i, name in enumerate(names):
            a, b = (start + (end - start) * k / len(names) for k in (i, i + 1))
            if b > a:
                segments.append(Segment(name, a, b))
        start = max(start, end)
    return segments


def say(
    sentences: list[str],
    voice: Voice,
    stretch: float = 1.0,
    factor: float = 1.0,
    pitch: float = 1.0,
) -> list[Spoken]:
    """Speaks sentences; returns the audio (16 kHz) and the phonemes of each.

    Args:
      stretch: the factor by which speech is slower than the voice's own, before resampling.
      factor: by which resampling raises pitch, formants and rate.
      pitch: the factor on the mean pitch, before resampling; flite only.

    Raises:
      UserError: the voice is not installed, or has a phone that its table lacks.
    """
    if voice.program == "flite":
        pitch_hz = voice.pitch_hz * pitch if voice.pitch_hz else None
        made = flite.say(sentences, voice.name, stretch, pitch_hz)
    else:
        made = festival.say(sentences, voice.name, stretch)
    spoken = []
    for raw, hz, phones in made:
        length = round(len(raw) * AUDIO_HZ / (hz * factor))
        if phones and length > AUDIO_HZ // 10:
            audio = resampled(raw, length)
            segments = _segments(voice, phones, length / AUDIO_HZ, factor)
            spoken.append((audio, with_stress(segments, audio)))
    return spoken


def speak(rng: np.random.Generator, seconds: float, held_out: bool = False) -> Spoken:
    """A clip of random sentences by one random voice: audio (16 kHz, RMS 0.1) and its phonemes.

    Args:
      seconds: length of the clip.
      held_out: uses the voices that are never used for training.

    Raises:
      UserError: no such voice is installed.
    """
    voices = installed(held_out)
    if not voices:
        raise UserError(
            "expected flite or festival with a voice of real recordings, found none: run apt-get "
            "install flite festvox-kdlpc16k"
        )
    weights = np.array([v.weight for v in voices])
    voice = voices[rng.choice(len(voices), p=weights / weights.sum())]
    factor = float(np.exp(rng.uniform(np.log(0.88), np.log(1.15))))
    stretch, pitch = float(np.exp(rng.uniform(-0.4, 0.25))) * factor, rng.uniform(0.85, 1.2)
    invented = rng.choice((0.1, 0.5)) if voice.language == "en" else 0.4

    def some(count: int) -> list[Spoken]:
        texts = [random_text(rng, voice.language, invented) for _ in range(count)]
        return say(texts, voice, stretch, factor, pitch)

    return spoken_clip(rng, seconds, some, sentence_s=4.0)
