"""In which form W and G draw: as their plain modules say it, or folded (models/folded/).

Both draw the same images. The folded form is faster per frame, but its parameters have to be made
and its programs take longer to compile, so that a short job ends sooner in the plain form.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt8

from playmate_jax.errors import UserError
from playmate_jax.models.folded import renderer as folded_renderer
from playmate_jax.models.folded.warping import Source
from playmate_jax.models.renderer import RendererConfig

FORMS = ("auto", "plain", "folded")
# Multiplications of a job from which folding, and compiling for longer, are made good: eight frames
# of LivePortrait's size on a CPU, where each takes seconds. On an accelerator a folded frame saves
# milliseconds: two thousand of them, reckoned and not measured.
WORTH_FOLDING = {"cpu": 3e12}
ELSEWHERE = 8e14


def chosen(form: str, config: RendererConfig, multiplications: float) -> str:
    """The form of a job, "plain" or "folded", on the default backend.

    Args:
      form: what was asked for, one of FORMS.
      multiplications: of all frames, see `per_frame`.

    Raises:
      UserError: an unknown form, or the folded form of a small renderer, which has none.
    """
    if form not in FORMS:
        raise UserError(
            f"expected one of {', '.join(FORMS)} as the renderer's form, found '{form}'"
        )
    if config.small:
        if form == "folded":
            raise UserError(
                "expected weights of LivePortrait's kind for the folded renderer, found those of a "
                "small one, which has no such form: choose auto or plain"
            )
        return "plain"
    if form != "auto":
        return form
    least = WORTH_FOLDING.get(jax.default_backend(), ELSEWHERE)
    return "folded" if multiplications >= least else "plain"


def per_frame(config: RendererConfig, params: Mapping[str, Any]) -> float:
    """Multiplications of W and G for one frame, roughly: each parameter at each cell of W's map."""
    leaves = jax.tree.leaves([params[name]["params"] for name in ("warping", "spade")])
    side = config.image_size >> config.appearance.halvings
    return float(side**2 * sum(leaf.size for leaf in leaves))


class FoldedDrawing:
    """W and G folded for the default backend, as uint8 images.

    On a CPU frames are drawn one after the other: a batch would only need more memory. Every
    program is compiled apart, so that equal ones are compiled once.
    """

    def __init__(self, config: RendererConfig, params: Mapping[str, Any]):
        self._config, self._backend = config, jax.default_backend()
        self._folded = folded_renderer.fold(config, params, self._backend)
        self._source_side = jax.jit(partial(folded_renderer.source_side, config))

    def source_side(
        self, features: Mapping[str, Array], keypoints: Float[Array, "b k 3"]
    ) -> Source:
        """What depends on the source images alone."""
        return self._source_side(self._folded, dict(features), keypoints)

    def draw(self, source: Source, kp_driving: Float[Array, "t k 3"]) -> UInt8[Array, "t H W 3"]:
        """One image for every row of the driving keypoints; `source` has as many rows, or one."""
        if self._backend != "cpu":
            return _frames(self._config, self._folded, source, kp_driving)
        count = len(kp_driving)
        drawn = []
        for n in range(count):
            own = source if len(source["keypoints"]) == 1 else _row(source, n)
            image = folded_renderer.frames(self._config, self._folded, own, kp_driving[n : n + 1])
            drawn.append(as_bytes(image))
        return jnp.concatenate(drawn)


def _row(source: Source, n: int) -> Source:
    return jax.tree.map(lambda x: x[n : n + 1], source)


@jax.jit
def as_bytes(image: Float[Array, "b H W 3"]) -> UInt8[Array, "b H W 3"]:
    """An image in [0, 1] as 0 to 255, rounded."""
    return jnp.rint(jnp.clip(image, 0, 1) * 255).astype(jnp.uint8)


@partial(jax.jit, static_argnums=0)
def _frames(config: RendererConfig, folded, source: Source, kp_driving: Array) -> Array:
    return as_bytes(folded_renderer.frames(config, folded, source, kp_driving))
