"""The endless stream of speaking people: `clip(seed, index)` and pools of clips on disk.

A clip is speech (augmented), what the front end makes of it, the true motion and units of the
speaker, the speaker's face as 63 canonical keypoints, and the emotion asked for at every frame.
Deterministic from (seed, index): no two processes need to share anything. The front end is given as
a function, because data knows no models.
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

VERSION = 4  # of speech and performance: raise it when clips change
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
      emotional: emotion number index % 8, with blends and changes over time where `varied`; else
        none.
      features: the front end, audio (s,) -> (t, d). None: no features.
      person: number of the person whose face it is; None: every clip has a face of its own.

    Returns:
      audio (s,) float32 16 kHz; motion (n, 70); units (n, 18); identity (63,); emotion (n, 8)
      weights x intensity; phonemes; and features (n, d) where a front end was given. n = seconds *
      25.
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
    """Writes clips 0 .. count-1 as one .npy per array, (count, ...), plus phonemes.json.

    `options` go to `clip`. features, units and emotion are float16, motion and identity float32;
    audio (int16) only on request. Read with `np.load(path / "motion.npy", mmap_mode="r")`. A whole
    pool of these clips is left alone, one that broke off is made again.

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
