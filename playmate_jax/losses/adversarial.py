"""The adversarial losses: hinge GAN (Lim and Ye 2017) and feature matching, as face-vid2vid's.

A discriminator gives, for each scale, logits of patches and the features of its blocks
(`models.discriminator.MultiScaleDiscriminator`). Patches and values of a block are averaged per
row; scales and blocks are summed, as FOMM sums them. The same functions serve LivePortrait's
cascade: three discriminators, of the whole image, the face and the lips (`losses/regions.py`).
"""

from collections.abc import Sequence

import jax
from jaxtyping import Array, Float

from playmate_jax.losses.rows import absolute, row_mean, total
from playmate_jax.parallel.share import Mean

# Of each scale: logits (b, h, w, 1), and the features of every block (b, h, w, c).
Judgement = Sequence[tuple[Float[Array, "b _ _ 1"], Sequence[Float[Array, "b _ _ _"]]]]


def hinge_discriminator(real: Judgement, fake: Judgement) -> Mean:
    """What the discriminator minimises: mean max(0, 1 - D(real)) + mean max(0, 1 + D(fake)).

    The fake image is the generator's constant here: stop its gradient before D sees it.
    """
    return total([
        row_mean(jax.nn.relu(1 - of_real) + jax.nn.relu(1 + of_fake))
        for (of_real, _), (of_fake, _) in zip(real, fake, strict=True)
    ])  # fmt: skip


def hinge_generator(fake: Judgement) -> Mean:
    """What the generator minimises: -mean D(fake)."""
    return total([row_mean(-logits) for logits, _ in fake])


def feature_matching(real: Judgement, fake: Judgement) -> Mean:
    """Mean |features of the fake - features of the real| per block, summed; real ones are targets:
    no gradient flows into them."""
    return total([
        row_mean(absolute(drawn - jax.lax.stop_gradient(wanted)))
        for (_, of_real), (_, of_fake) in zip(real, fake, strict=True)
        for wanted, drawn in zip(of_real, of_fake, strict=True)
    ])  # fmt: skip
