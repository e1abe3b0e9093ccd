"""Settings of the way from videos to clips: one frozen value, checked here, sent to every worker.

config = PrepareConfig(motion_weights="liveportrait", speech="wav2vec2")
PrepareConfig.from_values(config.to_values()) == config         # through JSON
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playmate_jax.configuration import from_values, to_values
from playmate_jax.errors import UserError
from playmate_jax.prepare.quality import QualityConfig

IMAGE_SIZES = (256, 512)
LOG_MEL = "log_mel"
_LAYERS = ("last", "mean")


@dataclasses.dataclass(frozen=True)
class PrepareConfig:
    """Settings of the way from videos to clips.

    Attributes:
      motion_weights: weights with the motion extractor M: a name, a folder or a hub id, as
        `playmate animate` takes them.
      speech: "log_mel", or the name or folder of a pretrained encoder, with "/layer" if the layer
        is not the last: "wav2vec2", "hubert/9", "weights/speech/mean".
      image_size: side in pixels of the face images that are stored, 256 or 512.
      frames_per_clip: how many images are stored of a clip, spread over it.
      shortest_s, longest_s: limits of a clip's length in seconds.
      quality: thresholds of the scores.
      syncnet: folder with SyncNet's weights; "": lip sync is not scored.
      face_models: folder with the files of the face detector and mesh; "": fetched once.
      batch: crops that M takes at a time.

    Raises:
      UserError: a value is out of range.
    """

    motion_weights: str = "demo"
    speech: str = LOG_MEL
    image_size: int = 256
    frames_per_clip: int = 16
    shortest_s: float = 3.0
    longest_s: float = 30.0
    quality: QualityConfig = QualityConfig()
    syncnet: str = ""
    face_models: str = ""
    batch: int = 16

    def __post_init__(self):
        for wrong, sentence in (
            (self.image_size not in IMAGE_SIZES,
             f"expected frames of 256 or 512 pixels, found {self.image_size}: choose one"),
            (not 1 <= self.frames_per_clip <= 1000,
             f"expected 1 to 1000 frames per clip, found {self.frames_per_clip}: correct it"),
            (not 1 <= self.shortest_s <= self.longest_s / 2,
             f"expected clips of at least a second and at most half of the longest, found "
             f"{self.shortest_s} s and {self.longest_s} s: correct them"),
            (not self.longest_s <= 120,
             f"expected clips of at most 120 s, found {self.longest_s} s: make them shorter"),
            (not 1 <= self.batch <= 4096,
             f"expected 1 to 4096 crops at a time, found {self.batch}: correct it"),
        ):  # fmt: skip
            if wrong:
                raise UserError(sentence)

    def to_values(self) -> dict[str, Any]:
        """The settings as plain values, nested dicts fit for JSON."""
        return to_values(self)

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "PrepareConfig":
        """The inverse of `to_values`; raises `UserError` for unknown names and wrong values."""
        return from_values(cls, values, "the settings of preparation")

    @property
    def speech_size(self) -> int:
        """Dimension of the speech features: numbers per video frame."""
        if self.speech == LOG_MEL:
            from playmate_jax.models.log_mel import LogMelConfig

            return LogMelConfig().size
        from playmate_jax.hub.bundles import read_config

        return int(read_config(self.speech_place()[0])["width"])

    def speech_place(self) -> tuple[Path, str]:
        """Folder and layer of the pretrained speech encoder.

        Raises:
          UserError: `speech` names no encoder.
        """
        from playmate_jax.hub.bundles import SPEECH, find_bundle

        name, _, layer = self.speech.rpartition("/")
        # "weights/speech" is a folder and "owner/name" on the hub, "hubert/9" a layer
        if not name or Path(self.speech).is_dir() or not (layer.isdigit() or layer in _LAYERS):
            name, layer = self.speech, "last"
        parts = find_bundle(name)
        if SPEECH not in parts:
            raise UserError(
                f"expected a speech encoder as '{name}', found {', '.join(parts)}: give log_mel, "
                "wav2vec2, hubert or a folder with one"
            )
        return parts[SPEECH], layer
