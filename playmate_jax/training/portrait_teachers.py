"""What judges images for the face space and is not trained: VGG19, or pixels in its place.

Networks that only give a loss come from weights that a converter wrote. Where there are none, their
terms are off and the run says so (`notes`).
"""

import dataclasses
from collections.abc import Mapping

from jaxtyping import Array, Float

from playmate_jax.configuration import from_values
from playmate_jax.errors import UserError
from playmate_jax.hub.bundles import find_folder
from playmate_jax.hub.weights import load_weights
from playmate_jax.losses.perceptual import SCALES, TAP_WEIGHTS, pyramid
from playmate_jax.models.renderer_training import Execution
from playmate_jax.models.vgg19 import VGG19, VGG19Config
from playmate_jax.training.stage import Params

NO_VGG19 = (
    "no weights of VGG19 (vgg19=DIR): the perceptual term is off, pixels on an image pyramid are "
    "compared in its place, and Eq. 4 compares pixels too"
)
NO_FACE_IDENTITY = "no weights of ArcFace (arcface=DIR): the face-identity term is off"
PYRAMID = {f"at_{scale:g}": 1 / len(SCALES) for scale in SCALES}


@dataclasses.dataclass(frozen=True)
class ImageFeatures:
    """What images are compared by: VGG19's taps, or pixels on a pyramid (`vgg19` None).

    Attributes:
      params: VGG19's.
    """

    vgg19: VGG19Config | None = None
    params: Params = dataclasses.field(default_factory=dict)
    how: Execution = Execution()

    def __call__(self, image: Float[Array, "b h w 3"]) -> Mapping[str, Float[Array, "b _ _ _"]]:
        if self.vgg19 is None:
            return dict(zip(PYRAMID, pyramid(image), strict=True))
        network = VGG19(self.vgg19)
        call = self.how.rematerialised(lambda own, x: network.apply({"params": own}, x))
        found = call(self.how.cast(self.params), self.how.cast(image))
        return {name: value.astype(image.dtype) for name, value in found.items()}

    @property
    def term(self) -> str:
        """The name of the term that compares an image with the wanted one by these features."""
        return "reconstruction" if self.vgg19 is None else "perceptual"

    @property
    def weights(self) -> Mapping[str, float]:
        """Of the features, by name."""
        return PYRAMID if self.vgg19 is None else TAP_WEIGHTS

    @property
    def scales(self) -> tuple[float, ...]:
        """Scales of the image that are compared: the pixels' pyramid has its own."""
        return (1.0,) if self.vgg19 is None else SCALES


def vgg19_weights(directory: str) -> tuple[VGG19Config | None, Params]:
    """Sizes and parameters of converted VGG19; (None, {}) where no directory is given.

    Raises:
      UserError: no such weights, or those of another network.
    """
    if not directory:
        return None, {}
    values, params, _ = load_weights(find_folder(directory))
    if (kind := values.pop("kind", "")) != "vgg19":
        raise UserError(
            f"expected weights of VGG19 in {directory}, found those of a '{kind}': convert "
            "torchvision's file with 'playmate convert vgg19 FILE DIR'"
        )
    return from_values(VGG19Config, values, directory), params["params"]


def notes(with_vgg19: bool, with_arcface: bool = False) -> tuple[str, ...]:
    """What is off, in sentences for the log."""
    off = {NO_VGG19: not with_vgg19, NO_FACE_IDENTITY: not with_arcface}
    return tuple(note for note, holds in off.items() if holds)
