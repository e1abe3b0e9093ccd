"""One person under evaluation: what is drawn of the frames, and what readers find in it.

    self    frame 0 with the motion of each other frame (self-reenactment)
    Eq. 2   frame i with the head pose of frame j: its expression should stay
    Eq. 3   frame i with the expression of frame j: its head pose should stay

Each frame i has one frame j, half the frames further on. Of synthetic people the true images of
both transfers are drawn too: the same person with the units of one frame and the pose of another.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from playmate_jax.geometry.keypoints import equation_1, equation_2, equation_3
from playmate_jax.metrics.reconstruction import psnr
from playmate_jax.metrics.renderer.networks import FaceMotion, FaceSpace, Images, Reader, Seen
from playmate_jax.metrics.renderer.people import Person, unit_targets
from playmate_jax.synthetic.expression import BASIS


class Transfers(NamedTuple):
    """Pairs (i, j) of frames and what is drawn of them, as one reader sees them.

    Attributes:
      own, other: frames i and j; their truth, where it is known.
      pose: what Eq. 2 draws, the head pose of j on frame i.
      expression: what Eq. 3 draws, the expression of j on frame i.
      turned, expressed: the true images of both, where the truth is known.
    """

    own: Seen
    other: Seen
    pose: Seen
    expression: Seen
    turned: Seen | None = None
    expressed: Seen | None = None


class Drawn(NamedTuple):
    """Images of one person: what was drawn, and what should have been.

    Attributes:
      reenacted: frame 0 with the motion of frames 1, 2, ...
      pose, expression: of each frame i, by Eqs. 2 and 3.
      turned, expressed: the true images of both, where the truth is known.
    """

    reenacted: Images
    pose: Images
    expression: Images
    turned: Images | None = None
    expressed: Images | None = None


class Yardstick(NamedTuple):
    """Sums of the least squares of Eq. 2's images between true ones (`fit_true_images`)."""

    gram: Float[np.ndarray, "3 3"]
    moment: Float[np.ndarray, "3"]


class AgainstTruth(NamedTuple):
    """Both transfers against their true images.

    Attributes:
      psnr_pose, psnr_expression: of Eqs. 2 and 3, in dB.
      yardstick: how far Eq. 2's images are from the true ones towards frame j.
    """

    psnr_pose: Float[np.ndarray, " f"]
    psnr_expression: Float[np.ndarray, " f"]
    yardstick: Yardstick


class Observation(NamedTuple):
    """What is found in the images of one person.

    Attributes:
      psnr, psnr_copy: of the self-reenactment and of the source itself, in dB.
      keypoints, keypoints_copy: distance of M's keypoints (Eq. 1) in the drawn image, and in the
        source, from those in the true driving frame, in shares of the image's side.
      angles, angles_true, angles_copy: distance of M's angles in the drawn image, of those in the
        true frame, and of the source's angles, from those of the true frame, in degrees: the truth
        where it is known, else M's reading.
      by_m: the transfers as this renderer's own M sees them.
      by_reader: as another reader does.
      true_images: of synthetic people.
      delta, targets: M's delta of true images, and `people.TARGETS` of the same.
    """

    psnr: Float[np.ndarray, " r"]
    psnr_copy: Float[np.ndarray, " r"]
    keypoints: Float[np.ndarray, " r"]
    keypoints_copy: Float[np.ndarray, " r"]
    angles: Float[np.ndarray, "r 3"]
    angles_true: Float[np.ndarray, "r 3"]
    angles_copy: Float[np.ndarray, "r 3"]
    by_m: Transfers
    by_reader: Transfers | None
    true_images: AgainstTruth | None
    delta: Float[np.ndarray, "n e"]
    targets: Float[np.ndarray, "n 3"] | None


def partner(frames: int) -> np.ndarray:
    """The frame j of each frame i: half of them further on."""
    return (np.arange(frames) + frames // 2) % frames


def observe(
    space: FaceSpace, person: Person, reader: Reader | None = None
) -> tuple[Observation, Drawn, FaceMotion]:
    """Everything that is measured of one person, with the images and M's reading of the frames.

    Args:
      reader: of the drawn images where the truth is known; None: M alone.
    """
    f = len(person.images)
    j = partner(f)
    m = space.read(person.images)
    drawn = Drawn(*draw_all(space, person.images, m))
    if person.truth is not None:
        units, pose = person.truth.units, person.truth.pose
        turned, expressed = (
            person.truth.images(units, pose[j]),
            person.truth.images(units[j], pose),
        )
        drawn = drawn._replace(turned=turned, expressed=expressed)
    parts = [images for images in drawn if images is not None]
    ends = np.cumsum([len(images) for images in parts])[:-1]
    every = np.concatenate(parts)
    again = space.read(every)
    of_drawn, *of_transfers = (again.at(rows) for rows in np.split(np.arange(len(every)), ends))
    by_m = Transfers(m.seen, m.at(j).seen, *(found.seen for found in of_transfers))

    driving = person.images[1:]
    source = np.broadcast_to(person.images[:1], driving.shape)
    x, x_drawn = (np.asarray(equation_1(k.x_c, k.motion))[..., :2] for k in (m, of_drawn))
    labels = m.seen.angles if person.truth is None else person.truth.pose[:, :3]
    found = Observation(
        psnr=psnr(drawn.reenacted, driving),
        psnr_copy=psnr(source, driving),
        keypoints=np.linalg.norm(x_drawn - x[1:], axis=-1).mean(-1) / 2,
        keypoints_copy=np.linalg.norm(x[:1] - x[1:], axis=-1).mean(-1) / 2,
        angles=np.abs(of_drawn.seen.angles - labels[1:]),
        angles_true=np.abs(m.seen.angles[1:] - labels[1:]),
        angles_copy=np.abs(labels[:1] - labels[1:]),
        by_m=by_m,
        by_reader=None,
        true_images=None,
        delta=m.seen.expression,
        targets=person.targets,
    )
    return _with_truth(found, person, drawn, reader), drawn, m


def draw_all(space: FaceSpace, images: Images, m: FaceMotion) -> list[np.ndarray]:
    """The self-reenactment of frames 1, 2, ... from frame 0, Eq. 2 and Eq. 3 of all frames."""
    f = len(images)
    first, each = np.zeros(f - 1, int), np.arange(f)
    source, driving, own, other = (m.at(k) for k in (first, each[1:], each, partner(f)))
    pairs = [
        (equation_1(source.x_c, source.motion), equation_1(source.x_c, driving.motion)),
        equation_2(own.x_c, own.motion, other.motion),
        equation_3(own.x_c, other.motion, own.motion),
    ]
    x_s, x_d = (np.concatenate(points) for points in zip(*pairs, strict=True))
    drawn = space.draw(images[np.concatenate([first, each, each])], x_s, x_d)
    return np.split(drawn, [f - 1, 2 * f - 1])


def _with_truth(
    found: Observation, person: Person, drawn: Drawn, reader: Reader | None
) -> Observation:
    """Adds what only the truth of synthetic people can tell."""
    truth = person.truth
    if truth is None:
        return found
    assert drawn.turned is not None and drawn.expressed is not None
    j = partner(len(person.images))
    by_reader = None
    if reader is not None:
        true = Seen(truth.units @ BASIS, truth.pose[:, :3])
        images = (drawn.pose, drawn.expression, drawn.turned, drawn.expressed)
        seen = reader(np.concatenate(images))
        parts = [Seen(*part) for part in zip(*(np.split(leaf, 4) for leaf in seen), strict=True)]
        by_reader = Transfers(true, jax.tree.map(lambda leaf: leaf[j], true), *parts)
    by_m = found.by_m
    assert by_m.turned is not None and by_m.expressed is not None
    delta = (found.delta, by_m.turned.expression, by_m.expressed.expression)
    targets = unit_targets(np.concatenate([truth.units, truth.units, truth.units[j]]))
    third = truth.units[(j + 1) % len(j)]  # of neither frame; of two frames it is frame i
    wrong, control, rest = (
        truth.images(units, truth.pose[j]) for units in (truth.units[j], third, 0 * third)
    )
    return found._replace(
        by_reader=by_reader,
        true_images=AgainstTruth(
            psnr(drawn.pose, drawn.turned),
            psnr(drawn.expression, drawn.expressed),
            fit_true_images(drawn.pose, drawn.turned, [wrong, control, rest]),
        ),
        delta=np.concatenate(delta),
        targets=targets,
    )


def fit_true_images(drawn: Images, right: Images, others: Sequence[Images]) -> Yardstick:
    """The least squares drawn - right = sum of a_k (others_k - right), as sums over images.

    No reader is needed: the share of the image with frame j's expression is how much of it is seen.
    Errors that have nothing to do with frame j, such as soft lips, give shares too: as much of
    another frame's expression, which the renderer knows nothing of, and of a face at rest.
    """
    toward = np.stack([other - right for other in others]).reshape(len(others), -1)
    toward = toward.astype(np.float64)
    return Yardstick(toward @ toward.T, toward @ (drawn - right).ravel())
