"""Clips as they leave the child that made them: what a strange clip could upset is done there."""

import dataclasses
from collections.abc import Callable
from typing import Any

from playmate_jax.data.records import Clip, Dropped, features_of
from playmate_jax.data.shards import Record, encode
from playmate_jax.data.statistics import SetStatistics
from playmate_jax.motion.layout import FPS


@dataclasses.dataclass(frozen=True)
class Made:
    """A clip as it leaves the child that made it."""

    line: dict[str, Any]
    records: dict[str, Record]
    statistics: dict[str, Any]


def load_encoder(
    kinds: tuple[str, ...], speech_size: int, image_size: int
) -> Callable[[Clip], Made]:
    """Clip -> Made; the sizes are those of `data.records.features_of`."""
    features = {kind: features_of(kind, speech_size, image_size) for kind in kinds}

    def made(clip: Clip) -> Made:
        records = {kind: encode(kind, features[kind], clip) for kind in kinds}
        return Made(clip_line(clip), records, SetStatistics.of(clip).to_json())

    return made


def clip_line(clip: Clip) -> dict[str, Any]:
    """What clips.jsonl says of a clip."""
    return {
        "id": clip.id,
        "source": clip.source,
        "speaker": clip.speaker,
        "dataset": clip.dataset,
        "split": clip.split,
        "seconds": len(clip.motion) / FPS,
        "frames": len(clip.motion),
        "pictures": len(clip.frames),
        "emotion": int(clip.emotion),
        "intensity": float(clip.intensity),
        "language": clip.language,
        "quality": _scores(clip),
    }


def dropped_line(dropped: Dropped) -> dict[str, Any]:
    """What dropped.jsonl says of what was dropped."""
    return {**dataclasses.asdict(dropped), "quality": _scores(dropped)}


def _scores(item: Clip | Dropped) -> dict[str, float]:
    return {name: float(item.quality[name]) for name in sorted(item.quality)}
