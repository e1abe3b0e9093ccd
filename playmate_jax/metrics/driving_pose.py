"""Does the portrait's head follow a driving video, and do its lips stay those of the speech?

    python -m playmate_jax.metrics.driving_pose --json figures.json

Held-out synthetic people speak held-out sentences while another person's video drives them, through
all of `Animator`: the video is written, decoded, tracked, cropped and read by M. The driver talks
and feels too, so that lips could leak. The frames that come out are read back by M and compared
with the driver's *true* pose:

    absolute   the driver's angles R_i
    relative   the portrait's own pose turned by the driver's change since his first frame,
               R_i R_0^T R_s; R_s is what M reads in the portrait, since the driver cannot know it

Figures: mean absolute error of each angle in degrees, `drawn` in the frames and `asked` in the
motion that they were drawn from; `still`, what a head that keeps the portrait's pose would score.
Lips: the largest change of the generated expression by driving (0 is right), and the opening of
the mouth read back from the frames with and without driving, as shares of its range.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, UInt8

from playmate_jax.errors import UserError
from playmate_jax.geometry import head_pose
from playmate_jax.hub.bundles import find_parts
from playmate_jax.inference import Animation, Animator
from playmate_jax.media import VideoWriter
from playmate_jax.metrics.face_space import in_chunks
from playmate_jax.metrics.figures import add_arguments, deliver, show
from playmate_jax.metrics.held_out import HELD_OUT
from playmate_jax.metrics.lips import correlation
from playmate_jax.metrics.motion import units_of
from playmate_jax.motion.layout import ANGLES, EXPRESSION, FPS
from playmate_jax.synthetic.clips import clip
from playmate_jax.synthetic.draw import draw, sample_identity
from playmate_jax.synthetic.expression import UNITS, mouth_openness
from playmate_jax.synthetic.keypoints import rotation
from playmate_jax.synthetic.performance import slow_noise
from playmate_jax.synthetic.pool import POSE_STD, TEST_SEED, sample_pose
from playmate_jax.synthetic.speech import utterance

MODES = ("relative", "absolute")
ANGLE_NAMES = ("pitch", "yaw", "roll")
SIZE, REACH = 256, 1.4  # images with room around the face, to be found and cropped
DRIVERS_FROM = 24  # the first half of the held-out people are portraits, the second drivers
SPEECH_SEED = HELD_OUT["test_formant"]["seed"]
DRIVING_SEED = 1005
NOD_HZ = 0.5
# Of the pools' std of poses: how a driver holds his head, and how far it moves around that.
HELD, MOVED = 0.4, 0.7


def driving_poses(rng: np.random.Generator, n: int) -> Float[np.ndarray, "n 6"]:
    """Moderate head motion inside the synthetic world's range: pitch, yaw, roll, scale, tx, ty."""
    moving = np.stack([slow_noise(rng, n, NOD_HZ) for _ in POSE_STD], -1)
    return (sample_pose(rng, 1, HELD) + MOVED * POSE_STD * np.clip(moving, -2, 2)).astype(
        np.float32
    )


def expected_angles(
    driving_deg: Float[np.ndarray, "n 3"], own_deg: Float[np.ndarray, "3"], mode: str
) -> Float[np.ndarray, "n 3"]:
    """Pitch, yaw and roll that the portrait should have under a driver of known angles."""
    if mode == "absolute":
        return driving_deg
    driver = rotation(*driving_deg.T)
    turned = driver @ driver[0].T @ rotation(*own_deg)
    return np.stack([np.asarray(a) for a in head_pose.angles(jnp.asarray(turned))], -1)


def angle_errors(
    found_deg: Float[np.ndarray, "n 3"], expected_deg: Float[np.ndarray, "n 3"]
) -> dict[str, float]:
    """Mean absolute error of each angle in degrees, and the mean of the three."""
    away = np.abs(found_deg - expected_deg).mean(0)
    errors = {f"{name}_deg": float(e) for name, e in zip(ANGLE_NAMES, away, strict=True)}
    return errors | {"mean_deg": float(away.mean())}


def read_back(animator: Animator, animation: Animation) -> Float[np.ndarray, "n 70"]:
    """What M sees in the frames of an animation that was made without pasting back."""
    side = animator.renderer.input_size
    frames = np.stack(list(animation))
    if frames.shape[1] != side:
        area = cv2.INTER_AREA
        frames = np.stack([cv2.resize(f, (side, side), interpolation=area) for f in frames])
    return in_chunks(animator.renderer.motion_of, frames)


def driven(animator: Animator, person: int, seconds: float, folder: Path) -> dict[str, Any]:
    """One portrait, without and with a driving video: what was asked for and what is seen."""
    rng = np.random.default_rng((DRIVING_SEED, person))
    driver = DRIVERS_FROM + person
    at_rest = np.zeros((1, len(UNITS)), np.float32)
    portrait = draw(
        sample_identity(TEST_SEED, person), at_rest, sample_pose(rng, 1, 0.5), SIZE, REACH
    )
    speech = utterance(SPEECH_SEED, person, seconds, "formant").audio
    acted = clip(DRIVING_SEED, person, seconds, "formant", emotional=True, augment=False)["units"]
    poses = driving_poses(rng, len(acted))
    video = folder / f"driver_{person}.mp4"
    _write(video, draw(sample_identity(TEST_SEED, driver), acted, poses, SIZE, REACH))

    made = {"free": animator.animate(portrait[0], speech, paste=False)}
    for mode in MODES:
        made[mode] = animator.animate(portrait[0], speech, driving=video, pose=mode, paste=False)
    asked = {name: animation.motion for name, animation in made.items()}
    seen = {name: read_back(animator, animation) for name, animation in made.items()}
    own = made["free"].source_face.motion[ANGLES]
    expected = {mode: expected_angles(poses[:, :3], own, mode) for mode in MODES}
    return {"asked": asked, "seen": seen, "expected": expected, "own": own}


def report(people: list[dict[str, Any]]) -> dict[str, Any]:
    """Figures over all frames of all people."""
    every = lambda kind, name: np.concatenate([p[kind][name] for p in people])  # noqa: E731
    figures: dict[str, Any] = {"people": len(people), "frames": len(every("asked", "free"))}
    for mode in MODES:
        expected = every("expected", mode)
        still = np.concatenate(
            [np.broadcast_to(p["own"], (len(p["asked"][mode]), 3)) for p in people]
        )
        figures[mode] = {
            "drawn": angle_errors(every("seen", mode)[:, ANGLES], expected),
            "asked": angle_errors(every("asked", mode)[:, ANGLES], expected),
            "still": angle_errors(still, expected),
        }
    free, opening = every("asked", "free"), {}
    asked = mouth_openness(units_of(free))
    span = float(np.ptp(asked))
    lips: dict[str, float] = {}
    for name in ("free", *MODES):
        opening[name] = mouth_openness(units_of(every("seen", name)))
        lips[f"opening_error_{name}"] = float(np.abs(opening[name] - asked).mean()) / span
        lips[f"opening_correlation_{name}"] = correlation(opening[name], asked)
    for mode in MODES:
        change = every("asked", mode)[:, EXPRESSION] - free[:, EXPRESSION]
        lips[f"largest_change_of_motion_{mode}"] = float(np.abs(change).max())
        shown = np.abs(opening[mode] - opening["free"])
        lips[f"opening_change_{mode}"] = float(shown.mean()) / span
    return figures | {"lips": lips}


def measure(animator: Animator, count: int, seconds: float) -> dict[str, Any]:
    """The report on `count` people; whose face is not found is named."""
    people: list[dict[str, Any]] = []
    lost: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        for person in range(count):
            print(f"\rperson {person + 1} of {count}", end="", file=sys.stderr, flush=True)
            try:
                people.append(driven(animator, person, seconds, Path(folder)))
            except UserError as error:
                lost[str(person)] = str(error)
    print(file=sys.stderr)
    if not people:
        raise UserError(f"expected faces that are found, found none: {lost}")
    return report(people) | {"lost": lost}


def _write(path: Path, frames: UInt8[np.ndarray, "n h w 3"]) -> None:
    with VideoWriter(path, FPS, (frames.shape[2], frames.shape[1])) as out:
        for frame in frames:
            out.write(frame)


def main(argv: list[str] | None = None) -> None:
    """Command line: measures weights, prints the figures and keeps them where asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", default="demo", help="a shipped name or a folder (demo)")
    parser.add_argument("--people", type=int, default=8, help=f"at most {DRIVERS_FROM} (8)")
    parser.add_argument("--seconds", type=float, default=4, help="of each clip (4)")
    parser.add_argument("--face-models", type=Path, help="folder of the face model files")
    add_arguments(parser)
    given = parser.parse_args(argv)
    animator = Animator.from_weights(given.weights, face_models=given.face_models)
    figures = measure(animator, min(given.people, DRIVERS_FROM), given.seconds)
    show("driving pose", figures)
    renderer = find_parts(given.weights)["renderer"]
    deliver({"driving_pose": figures}, given.json, renderer if given.card else None)


if __name__ == "__main__":
    main()
