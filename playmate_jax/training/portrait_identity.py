"""The face-identity term's teacher: ArcFace's embedding of the face in an image, frozen.

The face is cut out by the data's landmarks of the wanted image, for both images alike; in rows
without, by a fixed square in the middle. Prepared images are FFHQ's crops (faces/ffhq.py), and the
template's face, framed by FFHQ, has 0.765 of the side and the image's middle in common with
ArcFace's crop.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from playmate_jax.configuration import from_values
from playmate_jax.errors import UserError
from playmate_jax.faces.five_points import SIZE, TEMPLATE, five_points, similarity
from playmate_jax.geometry.grid_sample import cell_centres, grid_sample_2d
from playmate_jax.hub.bundles import find_folder
from playmate_jax.hub.weights import load_weights
from playmate_jax.models.iresnet import IResNet, IResNetConfig
from playmate_jax.training.portrait_augmentation import resized
from playmate_jax.training.stage import Params

CENTRAL = 0.765  # side of the crop without landmarks, of the image's


@dataclasses.dataclass(frozen=True)
class FaceEmbedding:
    """Images and where their faces are, to embeddings; the variables are {"params",
    "batch_stats"}."""

    network: IResNetConfig
    variables: Params

    def __call__(
        self,
        image: Float[Array, "b h w 3"],
        landmarks: Float[Array, "b 468 2"],
        has_landmarks: Bool[Array, " b"],
    ) -> Float[Array, "b d"]:
        face = aligned(image, landmarks, has_landmarks, self.network.image_size)
        return IResNet(self.network).apply(self.variables, face)


def aligned(
    image: Float[Array, "b h w 3"],
    landmarks: Float[Array, "b 468 2"],
    has_landmarks: Bool[Array, " b"],
    size: int = SIZE,
) -> Float[Array, "b size size 3"]:
    """ArcFace's crop of a face, black beyond the image; differentiable in the image.

    Args:
      landmarks: in the image's [-1, 1] convention, of rows with `has_landmarks`.
    """
    if image.shape[1] > 2 * size:  # without aliasing: what is left to shrink is less than two
        image = resized(image, 2 * size)
    cells = cell_centres(size)
    square = jnp.stack(jnp.meshgrid(cells, cells), -1)
    matrix = similarity(five_points(landmarks), (2 * TEMPLATE + 1) / SIZE - 1)
    turn, shift = matrix[:, :, :2], matrix[:, :, 2]
    scale = jnp.maximum(jnp.square(turn[:, 0]).sum(-1), 1e-12)[:, None, None, None]
    back = square - shift[:, None, None]
    by_points = jnp.einsum("bji,bhwj->bhwi", turn, back, precision="highest") / scale
    grid = jnp.where(has_landmarks[:, None, None, None], by_points, CENTRAL * square)
    return grid_sample_2d(image, jax.lax.stop_gradient(grid))


def arcface_weights(directory: str) -> tuple[IResNetConfig | None, Params]:
    """Sizes and variables of converted ArcFace; (None, {}) where no directory is given.

    Raises:
      UserError: no such weights, or those of another network.
    """
    if not directory:
        return None, {}
    values, variables, _ = load_weights(find_folder(directory))
    if (kind := values.pop("kind", "")) != "arcface":
        raise UserError(
            f"expected weights of ArcFace in {directory}, found those of a '{kind}': convert "
            "insightface's file with 'playmate convert arcface backbone.pth DIR'"
        )
    return from_values(IResNetConfig, values, directory), variables
