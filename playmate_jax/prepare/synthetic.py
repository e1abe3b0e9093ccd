"""Synthetic people as training clips: no download, no licence, any size, with ground truth.

    config = SyntheticConfig(identities=3000, hours=5)
    make = config.maker()
    for source in config.sources().sources:
        for clip in make(source): ...

A clip follows from the configuration and the number in its name, so any process can make any clip.
Sound, motion and action units are those of `synthetic/clips.py`; the images show exactly that
motion, on the face whose canonical keypoints are the clip's `identity`.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float, UInt8

from playmate_jax.data.records import NO_EMOTION, Clip, Dropped
from playmate_jax.errors import UserError
from playmate_jax.models.log_mel import LogMelConfig, log_mel
from playmate_jax.motion.layout import EMOTIONS, FPS, SCALE, TRANSLATION, unpack
from playmate_jax.prepare.crops import jpeg
from playmate_jax.prepare.plan import Listing, Source
from playmate_jax.synthetic import clips
from playmate_jax.synthetic.draw import draw
from playmate_jax.synthetic.identity import sample_identity
from playmate_jax.synthetic.phonemes import PHONEMES
from playmate_jax.synthetic.speech import VOICES

_PHONEMES = tuple(PHONEMES)
_SPLITS = ("train",) * 18 + ("validation", "test")  # of people in the order of their numbers


@dataclasses.dataclass(frozen=True)
class SyntheticConfig:
    """Which people of the synthetic world speak, and for how long.

    Attributes:
      seed: of the world: another seed gives other people and other speech.
      identities: number of people; the clips are shared out among them.
      hours: of speech in all.
      seconds: length of a clip.
      image_size: side of the images in pixels.
      frames: images a clip, evenly spread over it; 0: every frame.
      emotional: each clip shows one emotion, at one intensity throughout; False: no emotion.
      varied: a fifth of the emotional clips blend two emotions and a third change emotion on the
        way; the label is then the first emotion, and "truth/emotions" has the weights per frame.
      head_motion: how far heads turn about their mean pose, as a factor; 4 gives frames for a face
        space, which should have seen more poses than those of calm speakers.
      zoom: how much larger than in a portrait's crop faces are in the images (and in the motion).
      voice: of `synthetic/speech.py`; "formant" sounds the same on every machine.
      speech: the log-mel front end of the cached features.

    Raises:
      UserError: a value is out of range.
    """

    seed: int = 0
    identities: int = 3000
    hours: float = 5.0
    seconds: float = 6.0
    image_size: int = 256
    frames: int = 24
    emotional: bool = True
    varied: bool = False
    head_motion: float = 1.0
    zoom: float = 1.0
    voice: str = "formant"
    speech: LogMelConfig = LogMelConfig()

    def __post_init__(self):
        numbers = self.identities, self.hours, self.seconds, self.image_size, self.zoom
        if not all(0 < number < np.inf for number in numbers) or self.frames < 0:
            raise UserError(
                f"expected positive numbers of synthetic people and hours, found {self}"
            )
        if not 0 <= self.head_motion < np.inf:
            raise UserError(f"expected head_motion of 0 or more, found {self.head_motion:g}")
        if self.seconds * FPS < 1:
            raise UserError(f"expected clips of 0.04 s or more, found {self.seconds} s")
        if self.voice not in VOICES:
            raise UserError(f"expected a voice out of {', '.join(VOICES)}, found {self.voice!r}")

    @property
    def clips(self) -> int:
        """Number of clips: at least one a person."""
        return max(round(self.hours * 3600 / self.seconds), self.identities)

    @property
    def speech_size(self) -> int:
        """Dimension of the cached speech features, per frame."""
        return self.speech.size

    def person(self, number: int) -> int:
        """Number of the person who speaks in clip `number`; a person's clips are neighbours."""
        return number * self.identities // self.clips

    def sources(self) -> Listing:
        """One source for each clip; nothing is dropped."""
        return Listing([self._source(number) for number in range(self.clips)])

    def _source(self, number: int) -> Source:
        person = self.person(number)
        return Source(
            id=f"drawn-{number:06d}",
            path="",
            dataset="drawn",
            speaker=f"drawn-person-{person:05d}",
            split=_SPLITS[person % len(_SPLITS)],
            end_s=self.seconds,
            emotion=number % len(EMOTIONS) if self.emotional else NO_EMOTION,
        )

    def maker(self, images: bool = True) -> Callable[[Source], Iterator[Clip | Dropped]]:
        """The function that makes the clip of a source of `sources`; it can be pickled."""
        return functools.partial(make_clips, self, with_images=images)


def make_clips(
    config: SyntheticConfig, source: Source, with_images: bool = True
) -> Iterator[Clip | Dropped]:
    """The one clip of a source of `config`; many times faster without images."""
    number = int(source.id.removeprefix("drawn-"))
    person = config.person(number)
    made = clips.clip(
        config.seed,
        number,
        config.seconds,
        config.voice,
        config.emotional,
        features=functools.partial(log_mel, config=config.speech),
        varied=config.varied,
        person=person,
        head_motion=config.head_motion,
    )
    motion, n = made["motion"], len(made["motion"])
    motion[:, SCALE] *= config.zoom
    motion[:, TRANSLATION] *= config.zoom
    rows = np.arange(n if with_images else 0)
    if 0 < config.frames < len(rows):
        rows = ((np.arange(config.frames) + 0.5) * n / config.frames).astype(int)
    images = draw_motion(config.seed, person, made["units"][rows], motion[rows], config.image_size)
    phonemes = [(_PHONEMES.index(p.name), p.start, p.end) for p in made["phonemes"]]
    yield Clip(
        id=source.id,
        source=f"synthetic world {config.seed}, clip {number}",
        speaker=source.speaker,
        dataset=source.dataset,
        split=source.split,
        audio=np.clip(made["audio"] * 32767, -32768, 32767).astype(np.int16),
        motion=motion,
        features=made["features"].astype(np.float16),
        identity=made["identity"],
        emotion=source.emotion,
        intensity=float(made["emotion"].sum(1).max()),
        frames=tuple(jpeg(image) for image in images),
        rows=rows.astype(np.int32),
        truth={
            "units": made["units"],
            "emotions": made["emotion"],
            "phonemes": np.array(phonemes, np.float32),
            "person": np.array([config.seed, person]),
        },
    )


def draw_motion(
    seed: int,
    person: int,
    units: Float[np.ndarray, "n 18"],
    motion: Float[np.ndarray, "n 70"],
    size: int,
) -> UInt8[np.ndarray, "n h w 3"]:
    """RGB images of a person of the world `seed`: action units `units`, pose from `motion`."""
    parts = unpack(motion)
    angles = np.stack([parts["pitch"], parts["yaw"], parts["roll"]], -1)
    pose = np.concatenate([angles, parts["scale"], parts["translation"][:, :2]], -1)
    return draw(sample_identity(seed, person), units, pose, size)
