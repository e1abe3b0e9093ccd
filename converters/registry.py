"""Every family of networks that is converted between PyTorch and Flax.

A new network is one new folder, which exports one `FAMILY`, and one line here.
"""

from collections.abc import Mapping
from typing import Any

from playmate_jax.converters import (
    arcface,
    discriminator,
    emotion_efficientnet,
    fid_inception,
    hopenet,
    hubert,
    i3d,
    joyvasa,
    liveportrait,
    lpips,
    playmate,
    playmate_renderer,
    s3fd,
    syncnet,
    vgg19,
    wav2vec2,
)
from playmate_jax.converters.family import Family
from playmate_jax.errors import UserError, nearest

FAMILIES: tuple[Family, ...] = (
    liveportrait.FAMILY,
    joyvasa.FAMILY,
    wav2vec2.FAMILY,
    hubert.FAMILY,
    vgg19.FAMILY,
    discriminator.FAMILY,
    hopenet.FAMILY,
    arcface.FAMILY,
    lpips.FAMILY,
    fid_inception.FAMILY,
    emotion_efficientnet.FAMILY,
    i3d.FAMILY,
    syncnet.FAMILY,
    s3fd.FAMILY,
    playmate.FAMILY,
    playmate_renderer.FAMILY,
)


def by_name(name: str) -> Family:
    """The family of that name.

    Raises:
      UserError: there is none.
    """
    found = {family.name: family for family in FAMILIES}
    if name not in found:
        raise UserError(
            f"expected a family of networks among {', '.join(found)}, found '{name}'"
            f"{nearest(name, found)}: choose one or leave it out"
        )
    return found[name]


def by_config(values: Mapping[str, Any], where: str) -> tuple[Family, Any]:
    """The family of a weights directory, and its configuration.

    Raises:
      UserError: of a kind that no family has.
    """
    kind = values.get("kind", "something else")
    for family in FAMILIES:
        if family.kind == kind:
            config = family.config_from(values, where)
            if kind == "renderer" and config.small:
                return playmate_renderer.FAMILY, config
            return family, config
    kinds = sorted({family.kind for family in FAMILIES})
    raise UserError(
        f"expected weights of a kind among {', '.join(kinds)} in {where}, found '{kind}'"
        f"{nearest(str(kind), kinds)}: give another directory"
    )
