"""One step of the generator and the discriminators: gradients and statistics are PyTorch's.

All terms are on, with a discriminator for the image, one for the face and one for the lips. Weights
are the families' synthetic ones at tiny sizes. In float64 both sides must agree but for the order
of sums, or they do not do the same work; in float32 sums of absolute differences are worse
conditioned (their gradients are sums of signs, which turn where a difference is near zero).
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from playmate_jax.converters import verify
from playmate_jax.converters.discriminator import FAMILY as DISCRIMINATOR
from playmate_jax.converters.layers import prefixed, under
from playmate_jax.converters.liveportrait import FAMILY as LIVEPORTRAIT
from playmate_jax.converters.liveportrait.rules import PARTS
from playmate_jax.converters.rules import to_flax
from playmate_jax.converters.synthetic_weights import network_input, smooth
from playmate_jax.converters.vgg19 import FAMILY as VGG19
from playmate_jax.losses import keypoints
from playmate_jax.models.renderer_training import split
from playmate_jax.models.vgg19 import VGG19Config
from playmate_jax.parallel.share import ALONE
from playmate_jax.training.portrait_augmentation import Pairs
from playmate_jax.training.portrait_start import drawn_side
from playmate_jax.training.portrait_teachers import ImageFeatures
from playmate_jax.training.portrait_terms import (
    PortraitWeights,
    Recipe,
    discriminator_terms,
    generator_terms,
)

torch = pytest.importorskip("torch", reason="needs the extra 'convert'")

B, SIZE = 2, 32
# G draws 512 x 512 from 8 x 8 cells: an eighth of the lips' crop is the least that VGG19 takes.
RENDERER = dataclasses.replace(
    LIVEPORTRAIT.tiny,
    image_size=SIZE,
    warping=dataclasses.replace(LIVEPORTRAIT.tiny.warping, mask_kernel=3),
    spade=dataclasses.replace(LIVEPORTRAIT.tiny.spade, upscale=16),
)
JUDGES, REGIONS = DISCRIMINATOR.tiny, ("face", "lips")
FEATURES = VGG19Config((1, 1, 1, 1, 1), (4, 4, 8, 8, 8))
WEIGHTS = PortraitWeights().active(with_vgg19=True)
RECIPE = Recipe(RENDERER, JUDGES, WEIGHTS, REGIONS)
NETWORKS = (*PARTS[:4], *RECIPE.discriminators)


@functools.cache
def tables():
    """Rules and leaves' shapes of "generator", "discriminators" and "vgg19"."""
    whole, alone = JUDGES, dataclasses.replace(JUDGES, scales=1)
    judges = {"whole": whole, **dict.fromkeys(REGIONS, alone)}
    shapes = {
        k: v for k, v in LIVEPORTRAIT.shapes(RENDERER).items() if k.split("/")[0] in PARTS[:4]
    }
    rules = [e for e in LIVEPORTRAIT.table(RENDERER) if e.source.split(".")[0] in PARTS[:4]]
    return {
        "generator": (rules, shapes),
        "discriminators": (
            [e for name, config in judges.items()
             for e in prefixed(f"{name}.", under(f"{name}/", DISCRIMINATOR.table(config)))],
            {f"{name}/{path}": shape for name, config in judges.items()
             for path, shape in DISCRIMINATOR.shapes(config).items()},
        ),
        "vgg19": (VGG19.table(FEATURES), VGG19.shapes(FEATURES)),
    }  # fmt: skip


@functools.cache
def states():
    """Synthetic state dicts of PyTorch."""
    return {name: verify.synthetic_state(*tables()[name]) for name in tables()}


def tree(name, dtype):
    """The same as our variables."""
    leaves, _ = to_flax(tables()[name][0], states()[name], tables()[name][1])
    return unflatten_dict({k: jnp.asarray(v, dtype) for k, v in leaves.items()}, sep="/")


@functools.cache
def batch():
    """Pairs of frames as float64 arrays in our order of axes, and T as "affine" and "bend"."""
    rng, side = np.random.default_rng(0), drawn_side(RENDERER)
    images = {
        name: np.moveaxis(smooth(network_input(name, (B, 3, size, size), 0)), 1, -1)
        for name, size in (("source", SIZE), ("driving", SIZE), ("wanted", side))
    }
    return {
        **{name: 1 / (1 + np.exp(-x.astype(np.float64))) for name, x in images.items()},
        **{f"degrees_{name}": 10 * rng.standard_normal((B, 3)) for name in ("source", "driving")},
        **{f"landmarks_{name}": 0.2 * rng.standard_normal((B, 468, 2))
           for name in ("source", "driving")},
        "has_landmarks": np.array([True, False]),
        "affine": np.eye(2, 3) + 0.05 * rng.standard_normal((B, 2, 3)),
        "bend": 0.005 * rng.standard_normal((B, 25)),
    }  # fmt: skip


@functools.cache
def theirs(dtype):
    """Terms; gradients and buffers by leaf, both networks' together."""
    from playmate_jax.converters.liveportrait import reference_face_space as reference

    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        made = reference.FaceSpaceReference(RENDERER, JUDGES, FEATURES, WEIGHTS, REGIONS)
        made.load(states())
        pairs = reference.Pairs(**{name: tensor(x, dtype) for name, x in batch().items()})
        terms, *gradients = made.gradients(pairs)
    finally:
        torch.set_default_dtype(before)
    found = {}, {}
    modules = made.generator, made.discriminators
    for name, module, own in zip(("generator", "discriminators"), modules, gradients, strict=True):
        for into, values in zip(found, (own, dict(module.named_buffers())), strict=True):
            into.update(reference.in_flax(tables()[name][0], values))
    return {name: x.item() for name, x in terms.items()}, *found


def tensor(x, dtype):
    x = np.moveaxis(x, -1, 1) if x.ndim == 4 else x
    return torch.from_numpy(x if x.dtype == bool else np.ascontiguousarray(x, dtype))


def step(variables, arrays):
    """Terms, gradients and statistics after the step, without what an optimiser does."""
    params, statistics = split(variables["generator"])
    judges, kept = split(variables["discriminators"])
    pairs = Pairs(**{k: v for k, v in arrays.items() if k not in ("affine", "bend")})
    features = ImageFeatures(FEATURES, variables["vgg19"]["params"])
    key = jax.random.key(0)

    def loss(params, pairs, keys):
        return generator_terms(RECIPE, features, params, judges, statistics | kept, pairs, keys)

    generator, terms, (views, statistics) = ALONE.gradients_and_rest(
        loss, WEIGHTS, params, pairs, key
    )

    def judged(judges, views, _):
        return discriminator_terms(RECIPE, judges, statistics, views)

    discriminators, judgement, statistics = ALONE.gradients_and_rest(
        judged, {"discriminator": 1.0}, judges, views, key
    )
    gradients = {name: {"params": own} for name, own in (generator | discriminators).items()}
    return terms | {"discriminator": judgement["discriminator"]}, gradients, statistics


@functools.cache
def ours(dtype):
    """As `theirs`."""
    deformation = lambda _: keypoints.Deformation(arrays["affine"], arrays["bend"])  # noqa: E731
    with jax.enable_x64(dtype == "float64"), pytest.MonkeyPatch.context() as patch:
        variables = {name: tree(name, dtype) for name in tables()}
        arrays = {k: jnp.asarray(v, None if v.dtype == bool else dtype) for k, v in batch().items()}
        patch.setattr(keypoints, "random_deformation", deformation)
        terms, *found = jax.jit(step)(variables, arrays)
        flat = ({k: np.asarray(v) for k, v in flatten_dict(x, sep="/").items()} for x in found)
        return {name: float(x) for name, x in terms.items()}, *flat


def error(found, wanted, name):
    """Norm of the difference relative to the norm, of one network's arrays."""
    names = [leaf for leaf in wanted if leaf.startswith(f"{name}/")]
    assert names and {leaf for leaf in found if leaf.startswith(f"{name}/")} == set(names)
    found, wanted = (np.concatenate([x[leaf].ravel() for leaf in names]) for x in (found, wanted))
    return np.linalg.norm(found - wanted) / np.linalg.norm(wanted)


def test_report():
    for a, b in ((ours, "float64"), (theirs, "float32"), (ours, "float32")):
        print("==", a.__name__, b)
        found, wanted = a(b), theirs("float64")
        for k in wanted[0]:
            print(f"{k:20} {found[0][k]:10.5f} {abs(found[0][k] / wanted[0][k] - 1):.2e}")
        for n in NETWORKS:
            for i in (1, 2):
                if i == 2 and n == "motion":
                    continue
                print(
                    f"   {n:16} {('gradient', 'state')[i - 1]} {error(found[i], wanted[i], n):.2e}"
                )
