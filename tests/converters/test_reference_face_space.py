"""One step of the generator and the discriminators: gradients and statistics are PyTorch's.

All terms are on, with a discriminator for the image, one for the face and one for the lips, at tiny
sizes. In float64 both sides must agree but for the order of sums, or they do not do the same work.
"""

import functools

import jax.numpy as jnp
import pytest

from playmate_jax.benchmark import face_space
from playmate_jax.benchmark.face_space import TINY, errors
from playmate_jax.losses import keypoints

pytest.importorskip("torch", reason="needs the extra 'convert'")

NETWORKS = ("appearance", "motion", "warping", "spade", "whole", "face", "lips")


@functools.cache
def theirs(dtype):
    return face_space.theirs(TINY, dtype)


@functools.cache
def ours(dtype):
    def drawn(keys, draw=keypoints.random_deformation):
        return keypoints.Deformation(*(jnp.asarray(x, dtype) for x in draw(keys)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keypoints, "random_deformation", drawn)
        return face_space.ours(TINY, dtype)


def test_report():
    for a, b in ((ours, "float64"), (theirs, "float32"), (ours, "float32")):
        print("==", a.__name__, b)
        found, wanted = a(b), theirs("float64")
        for k in wanted[0]:
            print(f"{k:20} {found[0][k]:10.5f} {abs(found[0][k] / wanted[0][k] - 1):.2e}")
        for kind, own in errors(found, wanted).items():
            for n, e in own.items():
                print(f"   {kind:12}{n:16} {e:.2e}")
