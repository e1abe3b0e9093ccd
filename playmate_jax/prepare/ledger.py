"""Records of a preparation: its build spec, the clips that it made, and what was dropped.

prepare.json    the build spec: data set, settings, digest of the sources, versions. Written first
dropped.jsonl   a `Dropped` a line
clips.jsonl     a clip a line, in the order of the records. Written last: a folder that has it is
                complete

Clips leave the worker process that made them encoded (`EncodedClip`): their line and their records,
so that a clip that upsets the encoder upsets that process alone.
"""

import dataclasses
import json
from collections.abc import Callable, Iterable
from importlib import metadata
from typing import Any

import playmate_jax
from playmate_jax.configuration import differences
from playmate_jax.data.prepared import BUILD_SPEC, CLIPS, DROPPED
from playmate_jax.data.records import VERSION, Clip, Dropped, features_of
from playmate_jax.data.shards import Record, encode
from playmate_jax.errors import UserError
from playmate_jax.motion.layout import FPS
from playmate_jax.prepare.output import WORK, Output

LISTED = f"{WORK}/listed.jsonl"  # what the reader of the data set dropped
# Packages whose version decides the bytes of a clip.
_PACKAGES = ("jax", "jaxlib", "flax", "numpy", "av", "opencv-python", "tensorflow-datasets")


@dataclasses.dataclass(frozen=True)
class EncodedClip:
    """A clip as it is stored.

    Attributes:
      line: its line of clips.jsonl.
      records: its record in each data set, by kind.
      statistics: `SetStatistics` of this clip alone, as JSON.
    """

    line: dict[str, Any]
    records: dict[str, Record]
    statistics: dict[str, Any]


def load_encoder(
    kinds: tuple[str, ...], speech_size: int, image_size: int
) -> Callable[[Clip], EncodedClip]:
    """The function that encodes clips for data sets of these kinds and sizes.

    Args:
      kinds: of `data.records.DATA_SETS`.
      speech_size, image_size: as `data.records.features_of` takes them.
    """
    from playmate_jax.data.statistics import SetStatistics  # and with it JAX: seconds

    features = {kind: features_of(kind, speech_size, image_size) for kind in kinds}

    def encoded(clip: Clip) -> EncodedClip:
        records = {kind: encode(kind, features[kind], clip) for kind in kinds}
        return EncodedClip(clip_line(clip), records, SetStatistics.of(clip).to_json())

    return encoded


def clip_line(clip: Clip) -> dict[str, Any]:
    """The line of clips.jsonl about a clip: labels, length and scores."""
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
    """The line of dropped.jsonl: what was dropped, at which stage, why, and its scores."""
    return {**dataclasses.asdict(dropped), "quality": _scores(dropped)}


def _scores(item: Clip | Dropped) -> dict[str, float]:
    return {name: float(item.quality[name]) for name in sorted(item.quality)}


def lines(table: Iterable[dict[str, Any]]) -> bytes:
    """JSON values, one a line, in UTF-8; bytes of file names that are no text are escaped."""
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in table)
    return text.encode("utf-8", "backslashreplace")


def read_lines(output: Output, name: str) -> list[dict[str, Any]]:
    """The values of a file that `lines` made; none if there is no such file."""
    return [json.loads(line) for line in (output.read(name) or b"").splitlines()]


def versions() -> dict[str, str]:
    """Versions of this program, its records and the installed packages that make them."""
    found = {"playmate-jax": playmate_jax.__version__, "records": VERSION}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # opencv comes under several names
            continue
    return found


def check_build_spec(output: Output, build_spec: dict[str, Any]) -> bool:
    """Whether the folder is a preparation of exactly this build spec, begun or complete.

    False: it is new. A build spec of which nothing was made yet does not count: its settings may
    have been the mistake.

    Raises:
      UserError: it was made, or begun, with another build spec, or holds other files.
    """
    text = output.read(BUILD_SPEC)
    if text is None:
        if names := [name for name in output.names() if name not in (WORK, DROPPED)]:
            raise UserError(
                f"expected a new or empty folder, found {output.root} with {', '.join(names[:3])}: "
                "give another --out"
            )
        return False
    try:
        before = json.loads(text)
    except ValueError:
        before = {}
    found = [f"~ {line}" for line in differences(before, build_spec)]
    # in a remote folder, which has no lock, another run may be about to begin
    if found and output.local and not set(output.names()) - {BUILD_SPEC, WORK, DROPPED}:
        return False
    if found:
        raise UserError(
            f"expected {output.root} to be of these settings, found it made with others: repeat "
            "those, or give another --out\n" + "\n".join(found)
        )
    return True


def is_complete(output: Output) -> bool:
    """Whether the preparation of this folder has come to its end."""
    return output.size(CLIPS) is not None
