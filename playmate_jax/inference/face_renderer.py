"""The compiled renderer: one face image in, then face images for any motion (F, M, W, G, Eq. 1).

F and M see the portrait once. For every frame Eq. 1 moves the portrait's canonical keypoints,

    x_s = s_s (x_c R_s + delta_s) + t_s        the portrait as it is
    x_d = s   (x_c R   + delta)   + t          the frame to draw

the retargeters (where asked for) and S (where the weights have it) adjust x_d, and W and G draw.
Under speech, expression is *absolute*: the generator says where the lips are, so a portrait that
smiles or shows its teeth does not keep its mouth open at an m. Frames go through one compiled
program in batches of a fixed size.
"""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from playmate_jax.errors import UserError
from playmate_jax.hub.weights import check_tree
from playmate_jax.inference.fixed_batches import one_ahead, padded
from playmate_jax.inference.renderer_form import FoldedDrawing, as_bytes, chosen, per_frame
from playmate_jax.models import renderer, stitching
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.resampling import mean_pool
from playmate_jax.models.small.detail import read_coefficients, with_detail
from playmate_jax.motion.keypoints import moved_keypoints
from playmate_jax.motion.layout import MOTION_SIZE, pack

DETAIL = 512  # side of the faces that small renderers give, or the multiple of F's below it


@dataclass(frozen=True)
class SourceFace:
    """One portrait as the networks encode it.

    Attributes:
      features: F's output, batch 1.
      x_c: canonical keypoints (1, k, 3).
      keypoints: x_s (1, k, 3).
      motion: the portrait's own motion vector (70,).
    """

    features: dict[str, Array]
    x_c: Float[Array, "1 k 3"]
    keypoints: Float[Array, "1 k 3"]
    motion: Float[np.ndarray, "m"]

    @property
    def identity(self) -> Float[np.ndarray, "63"]:
        """f_id: the canonical keypoints, flat."""
        return np.asarray(self.x_c).reshape(-1)


class Openness(NamedTuple):
    """How far eyes and lips are open, and should be.

    Attributes:
      own: of the portrait's left eye, right eye and lips: (3,), or (t, 3) of a source video.
      wanted: of both eyes, and of the lips, for every frame; NaN leaves eyes or lips alone.
    """

    own: Float[np.ndarray, "*t 3"]
    wanted: Float[np.ndarray, "t 2"]


class FaceRenderer:
    """Compiled F, M, W, G with one set of weights, for one batch size.

    Args:
      form: "auto", "plain" or "folded": in which W and G draw (inference/renderer_form.py).

    Attributes:
      input_size: side of the faces that F and M take; larger ones are made smaller.
      source_size: side at which a face that is to be drawn is wanted: small renderers carry its
        detail to the image that they draw (models/small/detail.py).
    """

    def __init__(
        self,
        config: RendererConfig,
        params: Mapping[str, Any],
        batch: int = 8,
        form: str = "auto",
    ):
        self.config, self.batch = config, batch
        self._form, self._decided = form, ""
        chosen(form, config, 0)  # refuses a form that these networks do not have
        self.input_size = config.image_size
        times = max(1, DETAIL // config.image_size) if config.small else 1
        self.source_size = times * config.image_size
        self._params = jax.device_put(params)
        self._look = jax.jit(lambda p, image: _look(config, p, image))
        self._motion = jax.jit(lambda p, images: _motion(config, p, images))
        self._draw = jax.jit(lambda p, *inputs: _draw(config, p, *inputs))
        self._driving = jax.jit(lambda p, *inputs: _driving(config, p, *inputs))
        self._offsets = jax.jit(lambda p, *inputs: _openness_offsets(config, p, *inputs))

    @classmethod
    def from_weights(
        cls,
        config: Mapping[str, Any],
        params: Mapping[str, Any],
        source: str,
        batch: int = 8,
        only: tuple[str, ...] | None = None,
        form: str = "auto",
    ) -> "FaceRenderer":
        """From a loaded weights directory; `source` names it in errors. `only` these networks are
        kept in memory: ("motion",) where nothing is drawn.

        Raises:
          UserError: these are the weights of something else.
        """
        if config.get("kind", "renderer") != "renderer":
            raise UserError(
                f"expected the weights of a renderer in {source}, found those of "
                f"'{config['kind']}': give another folder"
            )
        sizes = renderer.config_from(config, f"{source}/config.json")
        optional = renderer.retargeting_shapes(sizes)
        expected = renderer.shapes(sizes) | {n: optional[n] for n in optional if n in params}
        check_tree(params, expected, f"the renderer's weights in {source}")
        kept = params if only is None else {name: params[name] for name in only}
        return cls(sizes, kept, batch, form)

    def with_batch(self, batch: int) -> "FaceRenderer":
        """The same networks and programs for batches of another size."""
        other = copy.copy(self)
        other.batch = batch
        return other

    @cached_property
    def output_size(self) -> int:
        """Side of the faces that `draw` gives."""
        side, k = self.source_size, self.config.motion.keypoints
        of = jax.ShapeDtypeStruct
        face, points = of((1, side, side, 3), jnp.uint8), of((1, k, 3), jnp.float32)
        sat = self._look.eval_shape(self._params, face)
        motion = of((self.batch, MOTION_SIZE), jnp.float32)
        offsets = of((self.batch, k, 3), jnp.float32)
        drawn = self._draw.eval_shape(self._params, sat[0], points, points, motion, offsets)
        return drawn.shape[1]

    @property
    def retargets(self) -> bool:
        """Whether the weights have both retargeters."""
        return {"eyes", "lips"} <= self._params.keys()

    def encode_source(self, face: UInt8[np.ndarray, "h w 3"]) -> SourceFace:
        """F and M, once: a face crop of `source_size` to everything that drawing needs."""
        features, x_c, keypoints, motion = self._look(self._params, face[None])
        return SourceFace(features, x_c, keypoints, np.asarray(motion[0], np.float32))

    def motion_of(self, faces: UInt8[np.ndarray, "b h w 3"]) -> Float[np.ndarray, "b m"]:
        """M alone: the motion of face crops of `input_size`, for driving; always the same number of
        crops."""
        return np.asarray(self._motion(self._params, faces)[0])

    def motion_of_all(
        self, faces: Iterable[UInt8[np.ndarray, "h w 3"]]
    ) -> Float[np.ndarray, "t m"]:
        """`motion_of` for a stream of crops, a batch at a time; there is at least one."""
        return self.motion_and_keypoints(faces)[0]

    def motion_and_keypoints(
        self, faces: Iterable[UInt8[np.ndarray, "h w 3"]]
    ) -> tuple[Float[np.ndarray, "t m"], Float[np.ndarray, "t k 3"]]:
        """M's whole output for a stream of crops: their motion, and the canonical keypoints x_c,
        which should be those of one person."""
        faces = iter(faces)
        motion: list[np.ndarray] = []
        keypoints: list[np.ndarray] = []
        while chunk := list(islice(faces, self.batch)):
            images, count = next(padded(np.stack(chunk), self.batch))
            found = self._motion(self._params, images)
            for part, rows in zip((motion, keypoints), found, strict=True):
                part.append(np.asarray(rows)[:count])
        return np.concatenate(motion), np.concatenate(keypoints)

    def draw(
        self,
        source_face: SourceFace,
        motion: Float[np.ndarray, "t m"],
        openness: Openness | None = None,
    ) -> Iterator[UInt8[np.ndarray, "n H W 3"]]:
        """Faces for every frame of `motion`, up to `batch` at a time.

        The next batch is computed while the caller works on the last one.

        Args:
          openness: opens eyes and lips by the retargeters, which the weights must have.
        """
        draw = self._drawing(len(motion))(
            source_face.features, source_face.x_c, source_face.keypoints
        )
        yield from one_ahead(
            (draw(part, self._moved(source_face.keypoints, given), count), count)
            for part, count, given in self._batches(motion, openness)
        )

    def draw_each(
        self,
        faces: Iterable[UInt8[np.ndarray, "h w 3"]],
        motion: Float[np.ndarray, "t m"],
        openness: Openness | None = None,
    ) -> Iterator[UInt8[np.ndarray, "n H W 3"]]:
        """As `draw`, of a face that is another image every frame: a source video's, at
        `source_size`."""
        faces = iter(faces)
        drawing = self._drawing(len(motion))

        def batches() -> Iterator[tuple[Array, int]]:
            for part, count, given in self._batches(motion, openness):
                images, _ = next(padded(np.stack(list(islice(faces, count))), self.batch))
                features, x_c, keypoints, _ = self._look(self._params, images)
                moved = self._moved(keypoints, given)
                yield drawing(features, x_c, keypoints)(part, moved, count), count

        yield from one_ahead(batches())

    def decide(self, frames: int) -> str:
        """Fixes the form, "plain" or "folded", that everything is drawn in from now on, for a job
        of so many frames. Where it is never called, every call of `draw` is a job of its own."""
        self._decided = self._form_for(frames)
        return self._decided

    def _form_for(self, frames: int) -> str:
        multiplications = frames * per_frame(self.config, self._params)
        return chosen(self._form, self.config, multiplications)

    @cached_property
    def _folded(self) -> FoldedDrawing:
        return FoldedDrawing(self.config, self._params)

    def _drawing(self, frames: int) -> Callable[..., Callable[..., Array]]:
        """What draws: a source's features, x_c and keypoints to a function of motion, offsets and
        how many of their rows are wanted (others may be drawn too)."""
        if (self._decided or self._form_for(frames)) == "plain":
            return lambda *seen: (
                lambda motion, offsets, count: self._draw(self._params, *seen, motion, offsets)
            )

        def given(features, x_c, keypoints):
            source = self._folded.source_side(features, keypoints)

            def draw(motion, offsets, count):
                driving = self._driving(self._params, x_c, keypoints, motion, offsets)
                return self._folded.draw(source, driving[:count])

            return draw

        return given

    def _batches(
        self, motion: np.ndarray, openness: Openness | None
    ) -> Iterator[tuple[np.ndarray, int, Openness | None]]:
        """Motion and openness of each batch, and how many of its frames are real, not padding."""
        if openness is None:
            yield from ((part, count, None) for part, count in padded(motion, self.batch))
            return
        own = np.broadcast_to(openness.own, (len(motion), 3))
        rows = np.concatenate([motion, own, openness.wanted], -1, dtype=np.float32)
        for row, count in padded(rows, self.batch):
            part, own, wanted = np.split(row, [MOTION_SIZE, MOTION_SIZE + 3], -1)
            yield part, count, Openness(own, wanted)

    def _moved(self, keypoints: Array, openness: Openness | None) -> Array | np.ndarray:
        """Offsets of the driving keypoints, (batch, k, 3)."""
        if openness is None:
            return np.zeros((self.batch, *keypoints.shape[1:]), np.float32)
        return self._offsets(self._params, keypoints, *openness)


def _look(config: RendererConfig, params, face):
    image = face.astype(jnp.float32) / 255
    motion, x_c = _motion(config, params, face)
    features = renderer.encode(config, params, _reduced(image, config.image_size))
    if config.small:
        features["detail"] = read_coefficients(image)
    return features, x_c, moved_keypoints(x_c, motion), motion


def _reduced(image, side: int):
    return mean_pool(image, image.shape[1] // side)


def _motion(config: RendererConfig, params, faces):
    """(motion vectors (b, 70), canonical keypoints (b, k, 3)) of uint8 faces."""
    image = _reduced(faces.astype(jnp.float32) / 255, config.image_size)
    found = renderer.extract_motion(config, params, image)
    motion = pack(
        {
            "expression": found["delta"],
            "scale": found["s"],
            "translation": found["t"],
            **{name: found[name] for name in ("pitch", "yaw", "roll")},
        }
    )
    return motion, found["x_c"]


def _openness_offsets(config: RendererConfig, params, kp_source, own, wanted):
    """Delta_eyes + Delta_lips of LivePortrait: own openness and the wanted one go in."""
    count = wanted.shape[0]
    kp_source = jnp.broadcast_to(kp_source, (count, *kp_source.shape[1:]))
    total = jnp.zeros_like(kp_source)
    for name, mlp, own_part, column in (
        ("eyes", config.eyes, own[:, :2], wanted[:, :1]),
        ("lips", config.lips, own[:, 2:], wanted[:, 1:]),
    ):
        given = jnp.concatenate([own_part, jnp.nan_to_num(column)], -1)
        moved = stitching.openness_offsets(mlp, params[name], kp_source, given)
        total += jnp.where(jnp.isnan(column)[..., None], 0, moved)
    return total


def _driving(config: RendererConfig, params, x_c, kp_source, motion, offsets):
    """Eq. 1's driving keypoints, moved by the retargeters' offsets and by S."""
    kp_driving = moved_keypoints(x_c, motion) + offsets
    if "stitching" not in params:
        return kp_driving
    kp_source = jnp.broadcast_to(kp_source, kp_driving.shape)
    return stitching.stitch(config.stitching, params["stitching"], kp_source, kp_driving)


def _draw(config: RendererConfig, params, features, x_c, kp_source, motion, offsets):
    kp_driving = _driving(config, params, x_c, kp_source, motion, offsets)
    repeat = lambda x: jnp.broadcast_to(x, (len(motion), *x.shape[1:]))  # noqa: E731
    features = dict(features)
    detail = features.pop("detail", None)  # read where it is: large, and one for all frames
    features = jax.tree.map(repeat, features)
    drawn = renderer.decode_with_warp(config, params, features, repeat(kp_source), kp_driving)
    image = drawn["image"]
    if detail is not None:
        image = with_detail(image, detail, drawn["picture_flow"], drawn["visibility"])
    return as_bytes(image)
