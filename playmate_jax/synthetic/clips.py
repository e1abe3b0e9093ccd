"""Clips of speaking synthetic people: the unlimited stream `clip(seed, index)`, and pools on disk.

A clip holds augmented speech, its speech features, the true motion and units of the speaker, the
speaker's face as 63 canonical keypoints, and the emotion at every frame. It depends on (seed,
index) only, so that processes need not share anything. The speech encoder is passed as a function,
because this package does not import models.
"""

import json
import multiprocessing
import pathlib
from collections.abc import Callable

import numpy as np
from tqdm import tqdm

from playmate_jax.errors import UserError
from playmate_jax.motion.layout import EMOTIONS, FPS
from playmate_jax.synthetic import emotion as emotions
from playmate_jax.synthetic import espeak
from playmate_jax.synthetic.augment import augment as augment_audio
from playmate_jax.synthetic.performance import perform
from playmate_jax.synthetic.speech import utterance

VERSION = 4  # of speech and performance: to be raised when clips change
Features = Callable[[np.ndarray], np.ndarray]


def clip(
    seed: int,
    index: int,
    seconds: float = 12,
    voice: str = "mix",
    emotional: bool = False,
    augment: bool = True,
    features: Features | None = None,
    varied: bool = True,
    person: int | None = None,
) -> dict:
    """Clip number `index` of the stream `seed`.

    Args:
      seconds: length of the clip.
      voice: one of `speech.VOICES`.
      emotional: shows emotion number index % 8, with blends and changes over time if `varied`;
        otherwise the clip is neutral.
      augment: applies a random recording condition to the speech.
      features: the speech encoder, audio (s,) -> features (t, d); None leaves them out.
      person: number of the person whose face is used; None uses another face for every clip.

    Returns:
      audio (s,) float32 at 16 kHz; motion (n, 70); units (n, 18); identity (63,); emotion (n, 8),
      weights times intensity; phonemes; and, with `features`, features (n, d). n = 25 * seconds.
    """
    n = round(seconds * FPS)
    speech = utterance(seed, index, seconds, voice)
    rng, rng_track, rng_room = (np.random.default_rng((seed, index, k)) for k in (2, 4, 5))
    face = emotions.face(seed, index if person is None else person)
    track = np.zeros((n, len(EMOTIONS)), np.float32)
    if emotional:
        track = emotions.sample_track(rng_track, n, index % len(EMOTIONS), varied)
    motion, units = perform(rng, speech.phonemes, n, track, 1.0, face)
    audio = augment_audio(rng_room, speech.audio) if augment else speech.audio
    result = dict(
        audio=audio,
        motion=motion,
        units=units,
        identity=face,
        emotion=track,
        phonemes=speech.phonemes,
    )
    if features is not None:
        result["features"] = features(audio)[:n]
    return result


_POOL_DTYPES = dict(
    features=np.float16,
    motion=np.float32,
    units=np.float16,
    identity=np.float32,
    emotion=np.float16,
)


def _pool_item(job):
    seed, index, options = job
    return clip(seed, index, **options)


def build_clip_pool(
    path: str | pathlib.Path,
    seed: int,
    count: int,
    *,
    processes: int = 1,
    keep_audio: bool = False,
    **options,
) -> pathlib.Path:
    """Writes clips 0 .. count-1 as one .npy file per array, (count, ...), and phonemes.json.

    Features, units and emotion are stored as float16, motion and identity as float32, audio as
    int16. Read them with `np.load(path / "motion.npy", mmap_mode="r")`. A complete pool of the same
    clips is not written again, an interrupted one is written from the beginning.

    Args:
      processes: number of processes that make clips.
      keep_audio: also writes the audio.
      **options: arguments of `clip`.

    Raises:
      UserError: the folder holds other clips.
    """
    path = pathlib.Path(path)
    path.mkdir(parents=True, exist_ok=True)
    named = {name: value for name, value in options.items() if name != "features"}
    wanted = dict(seed=seed, count=count, version=VERSION, espeak=espeak.available(), **named)
    card, last = path / "pool.json", path / "phonemes.json"
    if card.exists() or last.exists():
        found = json.loads(card.read_text()) if card.exists() else None
        if found != wanted:
            raise UserError(
                f"expected clips {wanted} in {path}, found {found or 'others'}: use another folder"
            )
        if last.exists():
            return path
    card.write_text(json.dumps(wanted))
    jobs = ((seed, index, options) for index in range(count))
    arrays: dict[str, np.memmap] = {}
    phonemes = []
    context = multiprocessing.get_context("spawn")
    pool = context.Pool(processes) if processes > 1 else None
    items = pool.imap(_pool_item, jobs, chunksize=4) if pool else map(_pool_item, jobs)
    for index, item in enumerate(tqdm(items, total=count, desc=path.name, unit="clip")):
        phonemes.append(
            [(p.name, round(p.start, 4), round(p.end, 4), p.stress) for p in item["phonemes"]]
        )
        values = {name: item[name] for name in _POOL_DTYPES if name in item}
        if keep_audio:
            values["audio"] = np.clip(item["audio"] * 32767, -32768, 32767).astype(np.int16)
        for name, value in values.items():
            dtype = _POOL_DTYPES.get(name, value.dtype)
            if name not in arrays:
                arrays[name] = np.lib.format.open_memmap(
                    path / f"{name}.npy", "w+", dtype, (count, *value.shape)
                )
            arrays[name][index] = value
    if pool:
        pool.close()
        pool.join()
    for array in arrays.values():
        array.flush()
    part = path / ".phonemes.json.part"
    part.write_text(json.dumps(phonemes))
    part.replace(last)
    return path
