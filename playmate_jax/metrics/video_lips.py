"""Do generated lips move like those of the person who is heard? Measured on talking videos.

    python -m playmate_jax.metrics.video_lips ../shared/data/videos --json figures.json

For every video with a voice: its sound goes through the generator, its images through the face
landmarks, and the generated opening of the mouth is correlated with the distance of the inner lips
measured on the landmarks (in lengths of the nose, at 25 fps). Nothing is fitted: a correlation
does not depend on the scale of either.

Videos found in the wild may hold music, or sound that is out of step with the lips. Hence the same
figures for the speech level itself (`envelope`: what an envelope follower scores), the best lag
within +-0.4 s, and what the best lag alone finds between unrelated moments (`chance`): a figure
under it says nothing. Videos without sound, with silence, or with a face in less than 80 % of the
frames are left out, and the report says why.
"""

import argparse
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from playmate_jax.faces import Landmarker, TfliteLandmarker
from playmate_jax.faces.openness import lip_openness_of
from playmate_jax.hub.bundles import find_parts
from playmate_jax.inference.generate import GenerateOptions, load_motion_model
from playmate_jax.media import open_video, read_audio
from playmate_jax.metrics.figures import add_arguments, deliver, show
from playmate_jax.metrics.lips import (
    JAW,
    best_lag,
    correlation,
    correlation_at,
    energy_envelope,
)
from playmate_jax.metrics.motion import units_of
from playmate_jax.metrics.speech_motion import spoken
from playmate_jax.motion.layout import AUDIO_HZ, FPS
from playmate_jax.synthetic.expression import mouth_openness

SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi")
SILENT = 1e-3  # a recording that never gets louder holds no voice
LEAST_SEEN = 0.8
REACH = 10  # frames of delay, either way, among which the best is looked for


def lips_against_landmarks(
    units: Float[np.ndarray, "n 18"],
    audio: Float[np.ndarray, " s"],
    seen: Float[np.ndarray, " n"],
) -> dict[str, float]:
    """Generated units against the opening of the lips in the video; its gaps (NaN) are bridged.

    Returns:
      opening, jaw, envelope: correlations at lag 0 of the generated opening of the lips, of the jaw
      alone, and of the speech level; opening_at_best_lag, envelope_at_best_lag, and those lags:
      opening_lag_frames, envelope_lag_frames, positive where they come later than the lips in the
      video; chance: see `chance`; face_seen: share of the frames.
    """
    n, there = len(units), np.isfinite(seen)
    true = np.interp(np.arange(n), np.flatnonzero(there), seen[there])
    tracks = {"opening": mouth_openness(units), "envelope": energy_envelope(audio, n)}
    figures: dict[str, float] = {"jaw": correlation(units[:, JAW], true)}
    for name, track in tracks.items():
        lag = best_lag(track, true, REACH)
        figures[name] = correlation(track, true)
        figures[f"{name}_at_best_lag"] = correlation_at(track, true, lag)
        figures[f"{name}_lag_frames"] = lag
    return figures | {
        "chance": chance(tracks["opening"], true),
        "face_seen": float(there.mean()),
    }


def chance(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"]) -> float:
    """The correlation at the best lag that one of twenty unrelated moments reaches: `b` is shifted
    in a circle by a second and more. NaN for clips under four seconds."""
    if len(b) < 3 * FPS + 2 * REACH:
        return float("nan")
    found = []
    for shift in range(FPS + REACH, len(b) - FPS - REACH, 3):
        moved = np.roll(b, shift)
        found.append(correlation_at(a, moved, best_lag(a, moved, REACH)))
    return float(np.percentile(found, 95))


def measure(
    paths: Iterable[Path],
    speak: Callable[[Float[np.ndarray, " s"]], Float[np.ndarray, "n 70"]],
    landmarker: Landmarker,
    seconds: float = 10.0,
) -> dict[str, Any]:
    """Figures by video, their mean, and why videos were left out.

    Args:
      speak: the generator, sound at 16 kHz to motion at 25 fps.
      seconds: of each video, from its beginning.
    """
    by_video: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    for path in paths:
        if not open_video(path).has_audio:
            left_out[path.name] = "no sound track"
            continue
        audio = read_audio(path, AUDIO_HZ)[: round(seconds * AUDIO_HZ)]
        if np.abs(audio).max() < SILENT:
            left_out[path.name] = "its sound track is silent"
            continue
        frames = islice(open_video(path).frames_at(FPS), round(seconds * FPS))
        seen = lip_openness_of(frames, landmarker)
        if np.isfinite(seen).mean() < LEAST_SEEN:
            left_out[path.name] = f"a face in {np.isfinite(seen).mean():.0%} of the frames"
            continue
        units = units_of(speak(audio))
        n = min(len(units), len(seen))
        by_video[path.name] = lips_against_landmarks(units[:n], audio, seen[:n])
        show(path.name, by_video[path.name])
    figures: dict[str, Any] = {"videos": by_video, "left_out": left_out}
    if by_video:
        keys = [key for key in next(iter(by_video.values())) if not key.endswith("_frames")]
        every = by_video.values()
        figures["mean"] = {key: float(np.nanmean([one[key] for one in every])) for key in keys}
    return figures


def main(argv: list[str] | None = None) -> None:
    """Command line: a folder of videos or single ones."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("videos", type=Path, nargs="+", help="video files, or folders of them")
    parser.add_argument("--weights", default="demo", help="a shipped name or a folder (demo)")
    parser.add_argument("--seconds", type=float, default=10, help="of each video (10)")
    parser.add_argument("--seed", type=int, default=0, help="of the generated motion (0)")
    parser.add_argument("--face-models", type=Path, help="folder of the face model files")
    add_arguments(parser)
    given = parser.parse_args(argv)
    paths = [
        path
        for place in given.videos
        for path in (sorted(place.iterdir()) if place.is_dir() else [place])
        if path.suffix.lower() in SUFFIXES
    ]
    generator = find_parts(given.weights)["generator"]
    model, landmarker = load_motion_model(generator), TfliteLandmarker(given.face_models)
    options = GenerateOptions(seed=given.seed)
    figures = measure(paths, lambda audio: spoken(model, audio, options), landmarker, given.seconds)
    show("left out", figures["left_out"])
    show("mean", figures.get("mean", {}))
    deliver({"video_lips": figures}, given.json, generator if given.card else None)


if __name__ == "__main__":
    main()
