"""Does generated motion say what is heard, show what is asked for, and move like a head?

    python -m playmate_jax.metrics.speech_motion playmate_jax/weights/demo/generator \
        --recordings ../shared/data/speech --json figures.json

Parts (`--only lips,real` picks): lips and head on held-out speakers of the synthesisers; real
recordings (any folder of audio); emotion; a minute in one piece; silence; speed and memory.
Held-out clips are made from their seeds. Every figure is measured on generated motion, converted
back into the units of the synthetic faces.
"""

import argparse
import dataclasses
import resource
import time
from pathlib import Path

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.inference.generate import (
    GenerateOptions,
    MotionModel,
    generate,
    load_motion_model,
)
from playmate_jax.media.audio import read_audio
from playmate_jax.metrics.figures import add_arguments, deliver, show
from playmate_jax.metrics.generated_emotion import emotion
from playmate_jax.metrics.held_out import generated, held_out
from playmate_jax.metrics.lips import compare_lips, correlation, lips_against_sound
from playmate_jax.metrics.motion import (
    blinks_a_minute,
    compare_head_motion,
    joint_acceleration,
    units_of,
    within_clip_std,
)
from playmate_jax.models.log_mel import log_mel
from playmate_jax.motion.layout import AUDIO_HZ, EMOTIONS, FPS, MOTION_SIZE, POSE
from playmate_jax.motion.windows import window_starts
from playmate_jax.synthetic import human
from playmate_jax.synthetic.expression import LIPS, UNIT, mouth_openness

GAZE = [UNIT["gaze_x"], UNIT["gaze_y"]]

SUFFIXES = (".wav", ".flac", ".mp3", ".m4a", ".ogg", ".opus")


def spoken(
    model: MotionModel, audio: Float[np.ndarray, " s"], options: GenerateOptions
) -> Float[np.ndarray, "t 70"]:
    """Motion of the training set's average face, for any sound at 16 kHz."""
    identity = np.asarray(model.statistics.identity_mean)
    own = np.zeros(MOTION_SIZE, np.float32)
    return generate(model, log_mel(audio), identity, own, None, options)


def drawn_units(
    model: MotionModel, audio: Float[np.ndarray, " s"], options: GenerateOptions, draws: int
) -> Float[np.ndarray, "draws t 18"]:
    """Facial units of `spoken` with `draws` seeds, from that of the options on."""
    seeds = range(options.seed, options.seed + draws)
    made = [spoken(model, audio, dataclasses.replace(options, seed=seed)) for seed in seeds]
    return units_of(np.stack(made))


def recordings_in(folder: Path) -> list[Path]:
    """The sound files of a folder, by name.

    Raises:
      UserError: there are none, or no such folder.
    """
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    paths = [path for path in found if path.suffix.lower() in SUFFIXES]
    if not paths:
        raise UserError(
            f"expected a folder of recordings, found none of {', '.join(SUFFIXES)} in '{folder}': "
            "give a folder that holds some"
        )
    return paths


def lips_and_head(model: MotionModel, options: GenerateOptions, count: int) -> dict:
    """Lips and head motion against the truth of held-out clips."""
    result = {}
    recorded = ("test_human",) if human.available(held_out=True) else ()
    for name in ("test_formant", "test_espeak", *recorded):
        clips = held_out(name, count)
        motion = generated(model, clips, options)
        lips = compare_lips(clips["units"], units_of(motion), clips["phonemes"])
        result[name] = lips | compare_head_motion(clips["motion"], motion)
    return result


def recordings(model: MotionModel, options: GenerateOptions, folder: Path, draws: int = 4) -> dict:
    """Lips against the sound of real recordings; the face is the training set's average.

    Each figure is a mean over `draws` seeds: on a few seconds of speech one draw scatters by 0.05.
    """
    paths = recordings_in(folder)
    sounds = [np.asarray(read_audio(path), np.float32) for path in paths]
    result = {}
    for i, (path, audio) in enumerate(zip(paths, sounds)):
        others = [sound for j, sound in enumerate(sounds) if j != i]
        drawn = drawn_units(model, audio, options, draws)
        found = [lips_against_sound(units, audio, others) for units in drawn]
        result[path.name] = {key: float(np.mean([f[key] for f in found])) for key in found[0]}
    keys = result[paths[0].name]
    result["mean"] = {key: float(np.nanmean([r[key] for r in result.values()])) for key in keys}
    return result


def minute(model: MotionModel, options: GenerateOptions) -> dict:
    """Joints and drift in 60 s of speech."""
    clips = held_out("test_minute", 4)
    motion = generated(model, clips, options)
    n = motion.shape[1]
    joints = window_starts(n, model.config.generator.window, options.lookahead)[1:]
    units, span = units_of(motion), 12 * FPS
    quarter = {"first": slice(0, span), "last": slice(n - span, n)}
    jaw = {
        key: float(
            np.mean([correlation(u[part, 0], t[part, 0]) for u, t in zip(units, clips["units"])])
        )
        for key, part in quarter.items()
    }
    base = clips["motion"][:, :, POSE].mean(1, keepdims=True)
    away = (motion[..., POSE] - base) / np.asarray(model.statistics.motion.pose_std)
    return dict(
        joint_acceleration=joint_acceleration(motion, joints),
        joint_acceleration_of_truth=joint_acceleration(clips["motion"], joints),
        jaw_correlation=jaw,
        unit_std={key: float(units[:, part].std(1).mean()) for key, part in quarter.items()},
        pose_away_in_std={
            key: float(np.abs(away[:, part].mean(1)).mean()) for key, part in quarter.items()
        },
        blinks_a_minute=blinks_a_minute(units),
        blinks_a_minute_of_truth=blinks_a_minute(clips["units"]),
        gaze_std_ratio=float(
            units[..., GAZE].std(1).mean() / clips["units"][..., GAZE].std(1).mean()
        ),
        **compare_head_motion(clips["motion"], motion),
    )


def silence(model: MotionModel, options: GenerateOptions, seconds: int = 60) -> dict:
    """What a face does while nobody speaks: faint noise is heard, 80 dB under full scale."""
    audio = 1e-4 * np.random.default_rng(0).standard_normal(seconds * AUDIO_HZ).astype(np.float32)
    motion = spoken(model, audio, options)[None]
    units = units_of(motion)
    names = ("pitch", "yaw", "roll")
    return dict(
        mouth_open=float(mouth_openness(units).max()),
        lips_change_a_frame=float(np.abs(np.diff(units[..., : len(LIPS)], axis=1)).mean()),
        blinks_a_minute=blinks_a_minute(units),
        head_std={n: float(v) for n, v in zip(names, within_clip_std(motion), strict=True)},
    )


def speed(model: MotionModel, options: GenerateOptions) -> dict:
    """Seconds for 5 s of speech with emotion once compiled; peak memory after 10 s and 5 min."""
    rng = np.random.default_rng(0)
    asked = np.eye(len(EMOTIONS), dtype=np.float32)[5]
    identity = np.asarray(model.statistics.identity_mean)
    result = {}

    def run(seconds):
        speech = rng.standard_normal((seconds * FPS, len(model.statistics.speech_mean)))
        begin = time.perf_counter()
        own = np.zeros(MOTION_SIZE, np.float32)
        generate(model, speech.astype(np.float32), identity, own, asked, options)
        return time.perf_counter() - begin

    result["first_5s_s"] = run(5)
    result["again_5s_s"] = run(5)
    for seconds in (10, 300):
        result[f"made_{seconds}s_in_s"] = run(seconds)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        result[f"peak_after_{seconds}s_mib"] = round(peak)
    return result


def add_generate_options(parser: argparse.ArgumentParser) -> None:
    """An option of the command line for each generation option."""
    for field in dataclasses.fields(GenerateOptions):
        kind = {"steps": int, "audio_scale": float}.get(field.name, type(field.default))
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=kind, default=field.default)


def generate_options(given: argparse.Namespace) -> GenerateOptions:
    """The generation options of a command line with `add_generate_options`."""
    names = [field.name for field in dataclasses.fields(GenerateOptions)]
    return GenerateOptions(**{name: getattr(given, name) for name in names})


def main() -> None:
    """Command line: the parts that are asked for, shown, and kept where asked for."""
    parser = argparse.ArgumentParser(description="Figures of a motion generator.")
    parser.add_argument("weights", help="a generator's weights directory")
    parser.add_argument("--recordings", type=Path, help="a folder of real speech")
    parser.add_argument("--only", default="lips,real,emotion,minute,silence,speed")
    parser.add_argument("--count", type=int, default=24, help="clips of each kind")
    add_arguments(parser)
    add_generate_options(parser)
    parsed = parser.parse_args()
    given, options = vars(parsed), generate_options(parsed)
    model, count = load_motion_model(given["weights"]), given["count"]
    parts = {
        "lips": lambda: lips_and_head(model, options, count),
        "real": lambda: recordings(model, options, given["recordings"]),
        "emotion": lambda: emotion(model, options, count),
        "minute": lambda: minute(model, options),
        "silence": lambda: silence(model, options),
        "speed": lambda: speed(model, options),
    }
    figures = {}
    for name in given["only"].split(","):
        if (name == "real" and not given["recordings"]) or (
            name == "emotion" and "emotion" not in model.params
        ):
            continue
        figures[name] = parts[name]()
        show(name, figures[name])
    deliver(figures, given["json"], Path(given["weights"]) if given["card"] else None)


if __name__ == "__main__":
    main()
