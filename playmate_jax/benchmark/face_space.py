"""The face space's step on both sides of a comparison: gradients, ours and PyTorch's.

Weights are the families' synthetic ones, images smooth noise; what is random (the deformation of
the equivariance loss) is drawn by our step's keys and given to PyTorch. Images are neither mirrored
nor recoloured here.
"""

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from playmate_jax.converters import verify
from playmate_jax.converters.discriminator import FAMILY as DISCRIMINATOR
from playmate_jax.converters.layers import prefixed, under
from playmate_jax.converters.liveportrait import FAMILY as LIVEPORTRAIT
from playmate_jax.converters.rules import Table, to_flax
from playmate_jax.converters.sizes import Shapes
from playmate_jax.converters.synthetic_weights import network_input, smooth
from playmate_jax.converters.vgg19 import FAMILY as VGG19
from playmate_jax.losses import keypoints
from playmate_jax.models.discriminator import DiscriminatorConfig
from playmate_jax.models.motion_extractor import MotionConfig
from playmate_jax.models.renderer import Networks, RendererConfig
from playmate_jax.models.renderer_training import split
from playmate_jax.models.vgg19 import VGG19Config
from playmate_jax.parallel.share import ALONE, Terms
from playmate_jax.training.portrait_augmentation import Pairs
from playmate_jax.training.portrait_start import drawn_side
from playmate_jax.training.portrait_teachers import ImageFeatures
from playmate_jax.training.portrait_terms import (
    WHOLE,
    PortraitWeights,
    Recipe,
    Views,
    discriminator_terms,
    generator_terms,
)

Arrays = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class FaceSpaceSetup:
    """What both sides do alike; by default at full size.

    Attributes:
      regions: of the image with a discriminator of their own, "face" and "lips".
      batch: pairs of frames in a step.
    """

    renderer: RendererConfig = RendererConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    vgg19: VGG19Config = VGG19Config()
    regions: tuple[str, ...] = ()
    weights: PortraitWeights = PortraitWeights()
    batch: int = 1

    @property
    def recipe(self) -> Recipe:
        """What our passes follow from."""
        weights = self.weights.active(with_vgg19=True)
        return Recipe(self.renderer, self.discriminator, weights, self.regions)

    def tables(self) -> dict[str, tuple[Table, Shapes]]:
        """Rules and leaves of "generator", "discriminators" and "vgg19"."""
        return {
            "generator": _only(
                LIVEPORTRAIT.table(self.renderer), LIVEPORTRAIT.shapes(self.renderer)
            ),
            "discriminators": _together(
                {WHOLE: self.discriminator}
                | dict.fromkeys(self.regions, dataclasses.replace(self.discriminator, scales=1))
            ),
            "vgg19": (VGG19.table(self.vgg19), VGG19.shapes(self.vgg19)),
        }

    def states(self) -> dict[str, Arrays]:
        """Synthetic state dicts of PyTorch, float32."""
        return _states(self)

    def pairs(self) -> Arrays:
        """A batch as fields of `Pairs` in our order of axes."""
        rng, n, side = np.random.default_rng(0), self.batch, drawn_side(self.renderer)
        sizes = {"source": self.renderer.image_size, "driving": self.renderer.image_size}
        noise = {
            name: smooth(network_input(name, (n, 3, size, size), 0))
            for name, size in (sizes | {"wanted": side}).items()
        }
        found = {k: np.moveaxis(1 / (1 + np.exp(-x)), 1, -1) for k, x in noise.items()}
        for name in sizes:
            found[f"degrees_{name}"] = 10 * rng.standard_normal((n, 3))
            found[f"landmarks_{name}"] = 0.2 * rng.standard_normal((n, 468, 2))
        found["keypoints_driving"] = 0.3 * rng.standard_normal((n, 21, 3))
        return found | {"has_landmarks": np.arange(n) % 2 == 0}


# G draws 256 x 256 of 8 x 8 cells: an eighth of the face's crop is then the least that VGG19 takes.
TINY = FaceSpaceSetup(
    renderer=dataclasses.replace(
        LIVEPORTRAIT.tiny,
        image_size=32,
        appearance=dataclasses.replace(LIVEPORTRAIT.tiny.appearance, resblocks=1),
        motion=MotionConfig(depths=(1, 1, 1), dims=(8, 12, 16), kernel_size=3),
        warping=dataclasses.replace(LIVEPORTRAIT.tiny.warping, hourglass_blocks=2, mask_kernel=3),
        spade=dataclasses.replace(LIVEPORTRAIT.tiny.spade, middle_blocks=1, upscale=8),
    ),
    discriminator=DISCRIMINATOR.tiny,
    vgg19=VGG19Config((1, 1, 1, 1, 1), (2, 4, 4, 4, 4)),
    regions=("face",),
    batch=2,
)


class Step(NamedTuple):
    """What a step finds, without what an optimiser makes of it; arrays are by our leaves' names.

    Attributes:
      terms: of the generator by name without their weights, their weighted sum "loss", and
        "discriminator".
      gradients: by "network/params/...".
      statistics: after the step, by "network/batch_stats/..." and "network/spectral/...".
    """

    terms: dict[str, float]
    gradients: Arrays
    statistics: Arrays


def ours(setup: FaceSpaceSetup, dtype: str = "float32") -> Step:
    """Our step in "float32" or "float64"."""
    leaves = {
        name: to_flax(table, setup.states()[name], shapes)[0]
        for name, (table, shapes) in setup.tables().items()
    }
    with jax.enable_x64(dtype == "float64"):
        variables = {
            name: unflatten_dict({k: jnp.asarray(v, dtype) for k, v in own.items()}, sep="/")
            for name, own in leaves.items()
        }
        pairs = Pairs(**{name: _cast(x, dtype) for name, x in setup.pairs().items()})
        terms, *trees = jax.jit(functools.partial(_step, setup))(variables, pairs)
        flat = ({k: np.asarray(v) for k, v in flatten_dict(x, sep="/").items()} for x in trees)
        return Step({name: float(x) for name, x in terms.items()}, *flat)


def theirs(setup: FaceSpaceSetup, dtype: str = "float32") -> Step:
    """The PyTorch reference's step in "float32" or "float64"."""
    from playmate_jax.converters.liveportrait import reference_face_space as reference

    affine, bend = keypoints.random_deformation(ALONE.row_keys(_key(), setup.batch))
    arrays = setup.pairs() | {"affine": np.asarray(affine), "bend": np.asarray(bend)}
    sizes = setup.renderer, setup.discriminator, setup.vgg19, setup.recipe.weights, setup.regions
    tables = {name: table for name, (table, _) in setup.tables().items()}
    return Step(*reference.step_of(sizes, setup.states(), tables, arrays, dtype))


def errors(found: Step, wanted: Step) -> dict[str, dict[str, float]]:
    """By network, of "gradients" and "statistics": the norm of the difference over the norm of what
    is wanted.

    Raises:
      ValueError: the names of the leaves differ.
    """
    return {
        kind: dict(_errors(getattr(found, kind), getattr(wanted, kind)))
        for kind in ("gradients", "statistics")
    }


def _errors(found: Arrays, wanted: Arrays) -> Iterator[tuple[str, float]]:
    if found.keys() != wanted.keys():
        raise ValueError(f"only on one side: {sorted(found.keys() ^ wanted.keys())}")
    for network in dict.fromkeys(name.partition("/")[0] for name in wanted):
        own = [name for name in wanted if name.startswith(f"{network}/")]
        a, b = (np.concatenate([x[n].ravel() for n in own], dtype=float) for x in (found, wanted))
        yield network, float(np.linalg.norm(a - b) / np.linalg.norm(b))


def _step(setup: FaceSpaceSetup, variables: Mapping[str, Any], pairs: Pairs) -> tuple:
    """As the stage steps (training/portraits.py), without its optimisers."""
    recipe = setup.recipe
    params, statistics = split(variables["generator"])
    judges, moving = split(variables["discriminators"])
    statistics |= moving
    features = ImageFeatures(setup.vgg19, variables["vgg19"]["params"])

    def loss(params: Any, pairs: Pairs, keys: Any) -> tuple[Terms, Any]:
        return generator_terms(recipe, features, params, judges, statistics, pairs, keys)

    gradients, terms, (views, after) = ALONE.gradients_and_rest(
        loss, recipe.weights, params, pairs, _key()
    )

    def judged(judges: Any, views: Views, _: Any) -> tuple[Terms, Any]:
        return discriminator_terms(recipe, judges, after, views)

    of_judges, judgement, after = ALONE.gradients_and_rest(
        judged, {"discriminator": 1.0}, judges, views, _key()
    )
    terms["discriminator"] = judgement["discriminator"]
    both = {name: {"params": own} for name, own in {**gradients, **of_judges}.items()}
    return terms, both, after


def _key() -> jax.Array:
    return jax.random.key(0)


def _cast(x: np.ndarray, dtype: str) -> jax.Array:
    return jnp.asarray(x, None if x.dtype == bool else dtype)


@functools.lru_cache(1)
def _states(setup: FaceSpaceSetup) -> dict[str, Arrays]:
    found = {name: verify.synthetic_state(*own) for name, own in setup.tables().items()}
    return {
        name: {k: _unit_noise(k, x) if k.endswith(("_u", "_v")) else x for k, x in own.items()}
        for name, own in found.items()
    }


def _unit_noise(name: str, vector: np.ndarray) -> np.ndarray:
    """In place of a singular vector, as training starts: a power iteration has something to do."""
    noise = network_input(name, vector.shape, 0)
    return noise / np.linalg.norm(noise)


def _only(table: Table, shapes: Shapes) -> tuple[Table, Shapes]:
    """The rules and leaves of F, M, W and G."""
    return (
        [entry for entry in table if entry.source.partition(".")[0] in Networks._fields],
        {k: v for k, v in shapes.items() if k.partition("/")[0] in Networks._fields},
    )


def _together(configs: Mapping[str, DiscriminatorConfig]) -> tuple[Table, Shapes]:
    """Discriminators by name, as one network."""
    table: Table = []
    shapes: dict[str, tuple[int, ...]] = {}
    for name, config in configs.items():
        table += prefixed(f"{name}.", under(f"{name}/", DISCRIMINATOR.table(config)))
        shapes |= {f"{name}/{k}": v for k, v in DISCRIMINATOR.shapes(config).items()}
    return table, shapes
