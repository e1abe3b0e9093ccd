"""What is measured of one video by itself, in groups that are kept apart.

    facts      codec, size, rate, length; a strip of images     always
    faces      landmarks of every frame                         no weights
    motion     head, lids, first frame                          no weights
    speech     lips against the sound                           no weights
    inception  features of images, for FID and KID              FID's InceptionV3
    i3d        logits of windows of 16 frames, for FVD          I3D
    arcface    embeddings of faces, for CSIM                    ArcFace
    emotion    logits of faces, for Emo-A                       EfficientNet
    syncnet    Sync-C, Sync-D and the offset                    SyncNet
    demo_...   emotion and syncnet of the demo world            its own, shipped

A generated video and its reference go through the same code.
"""

import dataclasses
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.faces import Landmarker, mouth_crops, sync_crops
from playmate_jax.metrics import sync
from playmate_jax.metrics.videos import face_scores, store
from playmate_jax.metrics.videos.networks import identity
from playmate_jax.metrics.videos.protocol import Protocol
from playmate_jax.metrics.videos.readers import (
    NETWORK_OF,
    ChangeReader,
    Reader,
    Seen,
    StripReader,
    network_readers,
)
from playmate_jax.metrics.videos.video import Video, as_faces, no_face

SYNCNETS = {"syncnet": sync.KIND, "demo_syncnet": sync.DEMO}  # group -> kind of weights
CROPS = {sync.KIND: sync_crops, sync.DEMO: mouth_crops}
# Groups that need landmarks.
OF_FACES = ("motion", "speech", "arcface", "emotion", "demo_emotion", *SYNCNETS)
FACTS, FACES, MOTION, SPEECH = "facts", "faces", "motion", "speech"
STRIP, CHANGES = "strip", "changes"  # arrays of the group FACTS


def needs_faces(protocol: Protocol, groups: Collection[str]) -> bool:
    """Whether faces have to be found for these groups under this protocol."""
    return protocol.crop == "face" or bool({FACES, *OF_FACES} & set(groups))


class Meter:
    """Measures videos one after the other, under one protocol.

    Args:
      folders: weights by kind, see `networks.find_networks`.
      landmarker: None where `needs_faces` says that none is needed.
      seconds: at most so many of each video.
    """

    def __init__(
        self,
        protocol: Protocol,
        folders: Mapping[str, Path],
        landmarker: Landmarker | None,
        groups: list[str],
        seconds: float | None = None,
    ):
        self.protocol, self.seconds = protocol, seconds
        self._landmarker = landmarker
        self.groups = [FACTS, *groups]
        if needs_faces(protocol, groups) and FACES not in groups:
            self.groups.append(FACES)
        self._readers = network_readers(groups, folders, protocol)
        self._sync = {
            group: sync.load_syncnet(folders[kind], kind)
            for group, kind in SYNCNETS.items()
            if group in groups
        }
        kinds = NETWORK_OF | SYNCNETS
        self._weights = {g: identity(folders[kinds[g]]) for g in groups if g in kinds}

    def keys(self, path: Path) -> dict[str, str]:
        """For each group everything that its results of this file depend on."""
        common = [dataclasses.asdict(self.protocol), self.seconds, store.state_of(path)]
        return {g: store.key_of(g, common, self._weights.get(g)) for g in self.groups}

    def measure(self, path: Path, kept: store.Record) -> store.Record:
        """Adds to `kept` the groups that it lacks; one that cannot be measured becomes a fault.

        Raises:
          UserError: the file is no video, or cannot be read to its end.
        """
        keys = self.keys(path)
        missing = kept.forget(keys)
        if not missing:
            return kept
        video = Video(path, self.protocol, self.seconds)
        if FACES in missing:
            assert self._landmarker is not None
            kept.arrays[FACES] = video.track(self._landmarker)
        landmarks = kept.arrays.get(FACES)
        if landmarks is not None and not face_scores.seen(landmarks).any():
            for group in (FACES, *OF_FACES):
                if group in missing:
                    kept.faults[group] = str(no_face(path))
            missing = [group for group in missing if group not in OF_FACES]
        self._look(video, missing, landmarks, kept)
        for group in set(SYNCNETS) & set(missing):
            if landmarks is not None:
                self._measure_sync(group, video, landmarks, kept)
        if MOTION in missing and landmarks is not None:
            kept.numbers[MOTION] = {
                "head_motion": face_scores.head_motion(landmarks),
                "blinks": face_scores.blinks_a_minute(landmarks),
                "jump": face_scores.first_frame_jump(kept.arrays[CHANGES]),
            }
        if SPEECH in missing and landmarks is not None:
            try:
                kept.numbers[SPEECH] = face_scores.lips_and_sound(landmarks, video.sound())
            except UserError as error:
                kept.faults[SPEECH] = str(error)
        kept.keys |= keys
        return kept

    def _look(
        self,
        video: Video,
        missing: list[str],
        landmarks: Float[np.ndarray, "t 468 3"] | None,
        kept: store.Record,
    ) -> None:
        """One pass through the frames for all groups that look at images."""
        readers: dict[str, Reader] = {g: r() for g, r in self._readers.items() if g in missing}
        if FACTS in missing:
            readers |= {STRIP: StripReader(video.expected_frames), CHANGES: ChangeReader()}
        if not readers:
            return
        square = video.square(landmarks)
        faces = [] if landmarks is None else as_faces(landmarks)
        frames = 0
        for t, frame in enumerate(video.frames()):
            seen = Seen(t, frame, video.image(frame, square), faces[t] if t < len(faces) else None)
            for reader in readers.values():
                reader.see(seen)
            frames = t + 1
        for group, reader in readers.items():
            try:
                kept.arrays[group] = reader.finish()
            except UserError as error:
                kept.faults[group] = f"{error} ('{video.path}')"
        if FACTS in missing:
            kept.numbers[FACTS] = dataclasses.asdict(video.facts) | {"frames": frames}

    def _measure_sync(
        self,
        group: str,
        video: Video,
        landmarks: Float[np.ndarray, "t 468 3"],
        kept: store.Record,
    ) -> None:
        score, crops_of = self._sync[group], CROPS[SYNCNETS[group]]
        try:
            audio = (np.clip(video.sound(), -1, 1) * 32767).round().astype(np.int16)
            crops = crops_of(video.frames(), as_faces(landmarks), score.config.image_size)
            found = score(crops, audio)
        except UserError as error:
            kept.faults[group] = str(error)
            return
        if SYNCNETS[group] == sync.DEMO:
            kept.numbers[group] = {"demo_sync": found.at_rest, "demo_offset": found.offset}
            return
        kept.numbers[group] = {
            "sync_c": found.confidence, "sync_d": found.distance, "offset": found.offset,
        }  # fmt: skip
