"""The face space's terms: one pass of F, M, W, G, and one of the discriminators, to losses.

LivePortrait's first stage (face-vid2vid's losses, the cascade over face and lips, the landmark
guide) with Playmate's pairwise transfer loss (Eqs. 2 to 4). Each network is called once a pass, on
all rows that it needs, so that its statistics move once.

Rows of several kinds stand side by side, those of one pair together: a batch that is spread over
devices by pairs stays where it is.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from playmate_jax.geometry.grid_sample import grid_sample_2d
from playmate_jax.geometry.keypoints import Motion, equation_1
from playmate_jax.losses import adversarial, keypoints
from playmate_jax.losses.adversarial import Judgement
from playmate_jax.losses.face_identity import face_identity
from playmate_jax.losses.perceptual import perceptual
from playmate_jax.losses.regions import cascade_boxes, crop
from playmate_jax.losses.rows import total
from playmate_jax.losses.transfer import (
    FrameMotion,
    expression_transferred,
    pose_transferred,
    transfer,
)
from playmate_jax.models import renderer_training
from playmate_jax.models.discriminator import DiscriminatorConfig, MultiScaleDiscriminator
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.renderer_training import Execution, applied
from playmate_jax.parallel.share import Mean, Terms
from playmate_jax.training.portrait_augmentation import Pairs
from playmate_jax.training.portrait_identity import FaceEmbedding
from playmate_jax.training.portrait_teachers import ImageFeatures
from playmate_jax.training.stage import Params

WHOLE = "whole"  # the image itself, beside its regions
SHARE_OF_SIDE = {"face": 2, "lips": 4}  # of the image's side, a region's crop is one over this


@dataclasses.dataclass(frozen=True)
class PortraitWeights:
    """Weights of the terms; 0 switches a term off, with what it alone needs. Face-vid2vid's where
    it has them; those of the others were never published.

    Attributes:
      reconstruction: of the pixels' error on an image pyramid, which stands in for the perceptual
        term where there are no weights of VGG19.
      head_pose: of degrees.
      guide: of keypoints on lids and lips, where the data have landmarks.
      transfer: of Eq. 4.
      face_identity: of ArcFace's cosine distance, where there are its weights.
    """

    perceptual: float = 10.0
    reconstruction: float = 10.0
    adversarial: float = 1.0
    feature_matching: float = 10.0
    equivariance: float = 20.0
    keypoint_prior: float = 10.0
    deformation_prior: float = 5.0
    head_pose: float = 20.0
    guide: float = 10.0
    transfer: float = 10.0
    face_identity: float = 10.0

    def active(self, with_vgg19: bool, with_arcface: bool = False) -> dict[str, float]:
        """Weight by term, of those that count."""
        left_out = {"reconstruction" if with_vgg19 else "perceptual"}
        left_out |= set() if with_arcface else {"face_identity"}
        values = dataclasses.asdict(self).items()
        return {name: weight for name, weight in values if weight and name not in left_out}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What the passes follow from beside arrays.

    Attributes:
      weights: of the terms that count, by name.
      regions: of the image that have a discriminator and a perceptual term of their own, out of
        "face" and "lips".
    """

    renderer: RendererConfig
    discriminator: DiscriminatorConfig
    weights: Mapping[str, float]
    regions: tuple[str, ...] = ()
    how: Execution = Execution()

    @property
    def discriminators(self) -> dict[str, MultiScaleDiscriminator]:
        """By what they see: none where nothing asks for their judgement. Regions are small: one
        scale."""
        if not {"adversarial", "feature_matching"} & self.weights.keys():
            return {}
        alone = dataclasses.replace(self.discriminator, scales=1)
        own = {name: MultiScaleDiscriminator(alone) for name in self.regions}
        return {WHOLE: MultiScaleDiscriminator(self.discriminator), **own}


class Views(NamedTuple):
    """The wanted and the drawn image and their regions, by name."""

    wanted: dict[str, Float[Array, "b _ _ 3"]]
    drawn: dict[str, Float[Array, "b _ _ 3"]]


def generator_terms(
    recipe: Recipe,
    features: ImageFeatures,
    params: Params,
    judges: Params,
    statistics: Params,
    pairs: Pairs,
    keys: Key[Array, " b"],
    identity: FaceEmbedding | None = None,
) -> tuple[Terms, tuple[Views, Params]]:
    """The terms that F, M, W and G are to make small; what the discriminators are to judge; and the
    statistics after the call.

    Args:
      params: of F, M, W and G. judges: of the discriminators.
      keys: of the rows, for the random deformation.
      identity: the teacher of the face-identity term.
    """
    weights, how, sizes = recipe.weights, recipe.how, recipe.renderer
    # -------------------------------------------------------------- M: motion of all images
    images, deformation = [pairs.source, pairs.driving], None
    if "equivariance" in weights:
        deformation = keypoints.random_deformation(keys)
        grid = deformation.grid(pairs.driving.shape[1])
        images.append(grid_sample_2d(pairs.driving, grid))
    found = renderer_training.extract_motion(sizes, params, side_by_side(*images), how)
    of_source, of_driving, *of_deformed = (
        motion_of({name: apart(value, len(images))[i] for name, value in found.items()})
        for i in range(len(images))
    )
    x_s, own = (equation_1(*motion) for motion in (of_source, of_driving))
    x_d = equation_1(of_source[0], of_driving[1])

    # -------------------------------------------------------------- F, W, G: images of all kinds
    seen = [pairs.source, pairs.driving] if "transfer" in weights else [pairs.source]
    volume, statistics = renderer_training.encode(
        sizes, params, statistics, side_by_side(*seen), how
    )
    volumes = apart(volume, len(seen))
    moves = [(volumes[0], x_s, x_d)]
    if "transfer" in weights:
        moves.append((volumes[0], *pose_transferred(of_source, of_driving)))
        moves.append((volumes[1], *expression_transferred(of_driving, of_source)))
    volume, kp_source, kp_driving = (side_by_side(*parts) for parts in zip(*moves, strict=True))
    image, statistics = renderer_training.decode(
        sizes, params, statistics, volume, kp_source, kp_driving, how
    )
    drawn, *transferred = apart(image, len(moves))

    # -------------------------------------------------------------- terms
    views = views_of(recipe, pairs, drawn)
    terms = image_terms(recipe, features, views)
    if recipe.discriminators:
        real, fake, statistics = judged(recipe, judges, statistics, views)
        terms["adversarial"] = total([adversarial.hinge_generator(fake[name]) for name in fake])
        terms["feature_matching"] = total(
            [adversarial.feature_matching(real[name], fake[name]) for name in fake]
        )
    if identity is not None and "face_identity" in weights:
        wanted, at = views.wanted[WHOLE], (pairs.landmarks_driving, pairs.has_landmarks)
        terms["face_identity"] = face_identity(identity(drawn, *at), identity(wanted, *at))
    if transferred:
        of_pose, of_expression = transferred
        terms["transfer"] = transfer(features, of_pose, of_expression, features.weights)
    if deformation is not None:
        terms["equivariance"] = keypoints.equivariance(
            own, equation_1(*of_deformed[0]), deformation
        )
    both = jnp.concatenate
    degrees = [apart(degrees_of(found), len(images))[i] for i in range(2)]
    wanted_degrees = [pairs.degrees_source, pairs.degrees_driving]
    landmarks = [pairs.landmarks_source, pairs.landmarks_driving]
    terms |= {
        "keypoint_prior": keypoints.keypoint_prior(x_d),
        "deformation_prior": keypoints.deformation_prior(
            both([of_source[1].delta, of_driving[1].delta])
        ),
        "head_pose": keypoints.head_pose_l1(both(degrees), both(wanted_degrees)),
        "guide": keypoints.landmark_guide(
            both([x_s, x_d]), both(landmarks), both([pairs.has_landmarks] * 2)
        ),
    }
    stopped = jax.lax.stop_gradient((views, statistics))
    return {name: terms[name] for name in weights}, stopped


def discriminator_terms(
    recipe: Recipe, params: Params, statistics: Params, views: Views
) -> tuple[Terms, Params]:
    """What the discriminators are to make small, and the statistics after the call."""
    real, fake, statistics = judged(recipe, params, statistics, jax.lax.stop_gradient(views))
    hinge = [adversarial.hinge_discriminator(real[name], fake[name]) for name in fake]
    return {"discriminator": total(hinge)}, jax.lax.stop_gradient(statistics)


def image_terms(recipe: Recipe, features: ImageFeatures, views: Views) -> dict[str, Mean]:
    """The drawn image and its regions against the wanted ones."""
    name = features.term
    if name not in recipe.weights:
        return {}
    return {
        name: total([
            perceptual(features, views.drawn[view], wanted, features.weights, features.scales)
            for view, wanted in views.wanted.items()
        ])
    }  # fmt: skip


def views_of(recipe: Recipe, pairs: Pairs, drawn: Float[Array, "b h w 3"]) -> Views:
    """Both images and their regions."""
    wanted, boxes = pairs.wanted, {}
    if recipe.regions:
        places = (pairs.landmarks_driving, pairs.has_landmarks, pairs.keypoints_driving)
        boxes = cascade_boxes(*places)
    sizes = {name: wanted.shape[1] // SHARE_OF_SIDE[name] for name in recipe.regions}
    cut = lambda image: {n: crop(image, boxes[n], size) for n, size in sizes.items()}  # noqa: E731
    return Views({WHOLE: wanted, **cut(wanted)}, {WHOLE: drawn, **cut(drawn)})


def judged(
    recipe: Recipe, params: Params, statistics: Params, views: Views
) -> tuple[dict[str, Judgement], dict[str, Judgement], dict[str, Any]]:
    """What each discriminator says of the wanted and of the drawn image, in one call; and the
    statistics after it."""
    real: dict[str, Judgement] = {}
    fake: dict[str, Judgement] = {}
    moving: dict[str, Any] = dict(statistics)
    for name, network in recipe.discriminators.items():
        rows = recipe.how.cast(side_by_side(views.wanted[name], views.drawn[name]))
        found, moving = applied(network, name, params, moving, recipe.how, rows)
        real[name], fake[name] = (
            [(apart(logits, 2)[i], [apart(x, 2)[i] for x in blocks]) for logits, blocks in found]
            for i in range(2)
        )
    return real, fake, moving


def motion_of(found: Mapping[str, Array]) -> FrameMotion:
    """Canonical keypoints and motion out of what M finds."""
    return found["x_c"], Motion(found["R"], found["delta"], found["s"], found["t"])


def degrees_of(found: Mapping[str, Array]) -> Float[Array, "b 3"]:
    """Pitch, yaw and roll out of what M finds."""
    return jnp.stack([found["pitch"], found["yaw"], found["roll"]], -1)


def side_by_side(*parts: Float[Array, "b *n"]) -> Float[Array, "m *n"]:
    """Rows of several kinds as one batch, those of one pair together."""
    return jnp.stack(parts, 1).reshape(-1, *parts[0].shape[1:])


def apart(rows: Float[Array, "m *n"], kinds: int) -> list[Float[Array, "b *n"]]:
    """The rows of each kind: the inverse of `side_by_side`."""
    split = rows.reshape(-1, kinds, *rows.shape[1:])
    return [split[:, kind] for kind in range(kinds)]
