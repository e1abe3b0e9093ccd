"""All stages of preparation: one source in, its clips out, each with all stored fields.

    probe -> frames at 25 fps -> scenes -> pieces (one face, 3 to 30 s) -> sound -> crops
          -> motion by M, speech features -> scores -> clip

The file is decoded twice, the second time behind the first: pieces are found from whole frames,
then their crops are cut. Neither keeps frames, so memory does not grow with the video. Damage of a
file becomes `Dropped` with one sentence; clips before the damage stay.

    make = load_maker(PrepareConfig(motion_weights="liveportrait"))
    for item in make(source): ...          # `Clip` or `Dropped`
"""

import errno
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import av
import numpy as np
from jaxtyping import Int, UInt8

from playmate_jax.data.records import Clip, Dropped
from playmate_jax.errors import UserError
from playmate_jax.faces import DRIVING, Landmarker, TfliteLandmarker
from playmate_jax.faces.scenes import scenes
from playmate_jax.hub.bundles import PARTS, find_bundle
from playmate_jax.hub.weights import load_weights
from playmate_jax.inference.face_renderer import FaceRenderer
from playmate_jax.media import Still, audio_blocks
from playmate_jax.metrics.sync import SyncScore, load_syncnet
from playmate_jax.models.speech import SpeechEncoder
from playmate_jax.motion.layout import AUDIO_HZ, FPS, SAMPLES_PER_FRAME
from playmate_jax.parallel.compilation import keep_compiled_programs
from playmate_jax.prepare.config import LOG_MEL, PrepareConfig
from playmate_jax.prepare.crops import crops, jpeg, motion_in
from playmate_jax.prepare.pieces import Piece, pieces
from playmate_jax.prepare.plan import Source
from playmate_jax.prepare.probe import Probe, probe
from playmate_jax.prepare.quality import failures, scores
from playmate_jax.prepare.silences import Samples

_MISSING = 2  # frames of sound that may be missing at the end: padding of the codec
_UNREADABLE = (UserError, ValueError, MemoryError, OSError, av.FFmpegError)
_OURS = {errno.ENOSPC, errno.EMFILE, errno.ENFILE}  # not the fault of the file that is read


class ClipMaker:
    """Makes the clips of a `Source`, with the models loaded.

    Args:
      config: the settings.
      landmarker: finds faces and their mesh.
      extractor: M; `framing`: the crop that it was trained with, arguments of `faces.face_square`.
      encoder: speech to features.
      sync: compares lips with speech; None: lip sync is not scored.
    """

    def __init__(
        self,
        config: PrepareConfig,
        landmarker: Landmarker,
        extractor: FaceRenderer,
        framing: Mapping[str, Any],
        encoder: SpeechEncoder,
        sync: SyncScore | None = None,
    ):
        self.config, self.landmarker = config, landmarker
        self.extractor, self.framing, self.encoder = extractor, dict(framing), encoder
        self.sync = sync

    def __call__(self, source: Source) -> Iterator[Clip | Dropped]:
        """Clips and drops of a source, at least one; the same ones every time."""
        stage = "probe"
        try:
            found = probe(source)
            stage = "decode"
            yield from self._clips(source, found)
        except _UNREADABLE as error:
            if getattr(error, "errno", None) in _OURS:
                raise
            reason = str(error) or f"expected a readable file, found {type(error).__name__}"
            yield Dropped(source.id, source.place, stage, _below_root(reason, source))

    def _clips(self, source: Source, found: Probe) -> Iterator[Clip | Dropped]:
        shortest, longest = (
            round(s * FPS) for s in (self.config.shortest_s, self.config.longest_s)
        )
        remarks: list[str] = []  # of the sound
        heard = Samples(audio_blocks(found.sound, AUDIO_HZ))  # for cutting, ahead of the clips
        spoken = Samples(audio_blocks(found.sound, AUDIO_HZ, remarks))
        shown = enumerate(stills(found), found.start)  # the second reading
        parts = pieces(
            scenes(images(found)),
            self.landmarker, source, found.reader.size, heard, found.start, shortest, longest,
        )  # fmt: skip
        number, best = 0, 0
        for piece in parts:
            best = max(best, len(piece.seen))
            if len(piece.faces) < shortest:  # passes by: reported if there is no clip
                continue
            name = f"{source.id}-{number:03d}"
            number += 1
            yield self._clip(source, piece, name, shown, spoken)
        for remark in dict.fromkeys([*found.reader.remarks, *remarks]):  # what was left out
            yield Dropped(source.id, source.place, "decode", _below_root(remark, source))
        if not number:
            yield Dropped(
                source.id, source.place, "track",
                f"expected a face for {self.config.shortest_s:g} s on end, found one for "
                f"{best / FPS:.1f} s at most: nothing to cut a clip from",
            )  # fmt: skip

    def _clip(
        self,
        source: Source,
        piece: Piece,
        name: str,
        shown: Iterator[tuple[int, Still]],
        spoken: Samples,
    ) -> Clip | Dropped:
        place = f"{source.place} {piece.start / FPS:.2f}-{piece.stop / FPS:.2f} s"
        if piece.faceless:
            return Dropped(name, place, "track", f"no face is seen for {piece.seconds:.1f} s")
        audio = speech(spoken, piece)
        if len(audio) < SAMPLES_PER_FRAME * len(piece.faces):
            del piece.faces[len(audio) // SAMPLES_PER_FRAME :]
            if piece.seconds < self.config.shortest_s:
                reason = f"the sound ends {piece.seconds:.1f} s after its beginning"
                return Dropped(name, place, "sound", reason)
        seen = crops(
            frames_of(piece, shown), piece, self.framing, self.extractor.input_size,
            self.config.image_size, self.config.frames_per_clip,
            self.sync.config.image_size if self.sync else 0,
        )  # fmt: skip
        quality = scores(piece, seen, audio)
        failed = failures(quality, self.config.quality)
        if self.sync and not failed:  # it costs more than all the others
            found = self.sync(seen.lips, audio)
            quality |= {"sync": found.confidence, "sync_offset": float(abs(found.offset))}
            failed = failures(quality, self.config.quality)
        if failed:
            return Dropped(name, place, "quality", "; ".join(failed), quality)
        motion, keypoints = self.extractor.motion_and_keypoints(seen.driving)
        image_motion = [
            motion_in(motion[row], seen.squares[row], square)
            for row, square in zip(seen.rows, seen.aligned, strict=True)
        ]
        return Clip(
            id=name,
            source=place,
            speaker=source.speaker,
            dataset=source.dataset,
            split=source.split,
            audio=audio,
            motion=motion,
            features=np.asarray(self.encoder(audio.astype(np.float32) / 32768), np.float32),
            # a median: M's canonical keypoints waver where the head is turned away
            identity=np.median(keypoints.reshape(len(keypoints), -1), axis=0).astype(np.float32),
            emotion=source.emotion,
            intensity=source.intensity,
            language=source.language,
            quality=quality,
            frames=tuple(map(jpeg, seen.frames)),
            rows=seen.rows,
            landmarks=seen.landmarks,
            image_motion=np.stack(image_motion),
        )


def _below_root(reason: str, source: Source) -> str:
    """A sentence in one line, with the source's files as the data set names them."""
    for path in filter(None, (source.path, source.audio)):
        reason = reason.replace(path, source.below_root(path))
    return " ".join(reason.split())


def stills(found: Probe) -> Iterator[Still]:
    """The frames of a source's span at 25 fps; each becomes an image when it is asked for."""
    count = None if found.stop is None else found.stop - found.start
    return islice(found.reader.stills_at(FPS, found.start), count)


def images(found: Probe) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """The RGB images of a source's span at 25 fps.

    Raises:
      UserError: the size of the images changes: coordinates in them would mean nothing.
    """
    size = found.reader.size
    for t, still in enumerate(stills(found), found.start):
        image = still.image()
        if image.shape[1::-1] != size:
            raise UserError(
                f"expected one size of images in '{found.reader.path}', found {size} and "
                f"{image.shape[1::-1]} after {t / FPS:.1f} s: convert it to one size"
            )
        yield image


def frames_of(piece: Piece, numbered: Iterator[tuple[int, Still]]) -> Iterator[Still]:
    """The frames of a piece from a stream of numbered frames; earlier ones are passed over."""
    for t, still in numbered:
        if t >= piece.start:
            yield still
        if t + 1 >= piece.stop:
            return


def speech(samples: Samples, piece: Piece) -> Int[np.ndarray, "s"]:
    """The sound of a piece: int16, `SAMPLES_PER_FRAME` a frame; fewer if the sound ends earlier."""
    start, stop = (SAMPLES_PER_FRAME * t for t in (piece.start, piece.stop))
    audio = samples.span(start, stop)
    if 0 < stop - start - len(audio) <= _MISSING * SAMPLES_PER_FRAME:
        audio = np.pad(audio, (0, stop - start - len(audio)))
    whole = audio[: len(audio) // SAMPLES_PER_FRAME * SAMPLES_PER_FRAME]
    return np.rint(np.clip(whole, -1, 1) * 32767).astype(np.int16)


def load_maker(config: PrepareConfig) -> ClipMaker:
    """Loads the models of a configuration.

    Raises:
      UserError: weights are missing, or are those of another network.
    """
    keep_compiled_programs()
    parts = find_bundle(config.motion_weights)
    if PARTS[0] not in parts:
        raise UserError(
            f"expected a renderer with its motion extractor in '{config.motion_weights}', found "
            f"only {', '.join(parts)}: give demo, liveportrait or a folder with one"
        )
    values, params, _ = load_weights(parts[PARTS[0]])
    extractor = FaceRenderer.from_weights(
        values, params, str(parts[PARTS[0]]), config.batch, only=("motion",)
    )
    landmarker = TfliteLandmarker(config.face_models or None)
    framing, encoder = values.get("crop", DRIVING), _encoder(config)
    sync = load_syncnet(config.syncnet) if config.syncnet else None
    return ClipMaker(config, landmarker, extractor, framing, encoder, sync)


def _encoder(config: PrepareConfig) -> SpeechEncoder:
    if config.speech == LOG_MEL:
        from playmate_jax.models.speech_encoders import LogMel

        return LogMel()
    from playmate_jax.models.pretrained_speech import load_speech

    return load_speech(*config.speech_place())
