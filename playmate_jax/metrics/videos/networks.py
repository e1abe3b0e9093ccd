"""The networks of the metrics: found by what they are, and applied in batches of one size.

Their weights are other people's (hub/published.py says which may be fetched). Each is looked for
in the folders that are given, in their folders, and among fetched weights; what is not there is
left out, with a sentence that says how to get it. The demo world's own two networks are ours, and
ship with the package: they have kinds of their own, and are never taken for the others.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from playmate_jax.configuration import from_values
from playmate_jax.errors import UserError
from playmate_jax.hub.bundles import METRICS as SHIPPED
from playmate_jax.hub.bundles import cache_directory, is_weights, read_config
from playmate_jax.hub.published import NOT_FETCHED
from playmate_jax.hub.weights import check_tree, load_weights
from playmate_jax.models.efficientnet import EfficientNet, EfficientNetConfig
from playmate_jax.models.i3d import I3D, I3DConfig
from playmate_jax.models.inception import Inception, InceptionConfig
from playmate_jax.models.iresnet import IResNet, IResNetConfig
from playmate_jax.models.lpips import LPIPS, LPIPSConfig
from playmate_jax.models.small.emotion_classifier import EmotionClassifier, EmotionClassifierConfig

# Kind of weights -> configuration, module, and shapes of inputs that are enough for its tree.
MODULES: Mapping[str, tuple[Any, Any, tuple[tuple[int, ...], ...]]] = {
    "fid-inception": (InceptionConfig, Inception, ((1, 299, 299, 3),)),
    "i3d": (I3DConfig, I3D, ((1, 16, 64, 64, 3),)),
    "arcface": (IResNetConfig, IResNet, ()),
    "lpips": (LPIPSConfig, LPIPS, ((1, 64, 64, 3), (1, 64, 64, 3))),
    "emotion-efficientnet": (EfficientNetConfig, EfficientNet, ()),
    "demo-emotion": (EmotionClassifierConfig, EmotionClassifier, ()),
}
HOW = {
    "fid-inception": "download pt_inception-2015-12-05-6726825d.pth (releases of "
    "github.com/mseitzer/pytorch-fid) and run 'playmate convert fid-inception FILE DIR'",
    "i3d": "download i3d_pretrained_400.pt, or TF-hub's deepmind/i3d-kinetics-400/1, and run "
    "'playmate convert i3d FILE DIR'",
    "arcface": "download InsightFace's w600k_r50.onnx (for non-commercial research) and run "
    "'playmate convert arcface FILE DIR'",
    "lpips": "put torchvision's alexnet-owt-7be5be79.pth and alex.pth of the package lpips (or "
    "vgg16-397923af.pth and vgg.pth) into a folder and run 'playmate convert lpips FOLDER DIR'",
    "emotion-efficientnet": "save the state dict of EmotiEffLib's enet_b0_8_best_vgaf.pt and run "
    "'playmate convert emotion-efficientnet FILE DIR'",
    "syncnet": NOT_FETCHED["syncnet"],
    "demo-syncnet": "install the package again, or train configs/demo_sync.py",
    "demo-emotion": "install the package again, or train configs/demo_emotion.py",
}


@dataclasses.dataclass(frozen=True)
class Network:
    """Frozen weights of one kind.

    Attributes:
      identity: changes with the weights; results are kept under it.
    """

    kind: str
    folder: Path
    identity: str
    config: Any
    variables: Any

    def apply(self, *inputs: Float[Array, "b ..."]) -> Float[Array, "b ..."]:
        """The module's output, in full precision on every device."""
        module = MODULES[self.kind][1](self.config)
        with jax.default_matmul_precision("highest"):
            return module.apply(self.variables, *inputs)


def find_networks(places: Sequence[str | Path], trunk: str) -> dict[str, Path]:
    """The folders of weights by their kind, the first of each.

    Args:
      places: weights, or folders of weights, that are preferred to fetched ones.
      trunk: which LPIPS counts, "alex" or "vgg".

    Raises:
      UserError: a place holds no weights at all.
    """
    found: dict[str, Path] = {}
    for place in [*map(Path, places), cache_directory(), SHIPPED]:
        inside = sorted(place.iterdir()) if place.is_dir() else []
        folders = [folder for folder in [place, *inside] if is_weights(folder)]
        if not folders and place in map(Path, places):
            raise UserError(
                f"expected weights of networks in '{place}', found none: give a folder that "
                "'playmate convert' wrote, or one of such folders"
            )
        for folder in folders:
            values = read_config(folder)
            kind = str(values.get("kind", ""))
            if kind in HOW and (kind != "lpips" or values.get("trunk", "alex") == trunk):
                found.setdefault(kind, folder)
    return found


def load_network(kind: str, folder: Path) -> Network:
    """Loads weights and compares their tree with the module's.

    Raises:
      UserError: they are damaged or do not fit.
    """
    config_of, module, shapes = MODULES[kind]
    values, variables, _ = load_weights(folder)
    values.pop("kind", None)
    config = from_values(config_of, values, f"{folder}/config.json")
    shapes = shapes or ((1, config.image_size, config.image_size, 3),)
    inputs = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    tree = jax.eval_shape(module(config).init, jax.random.key(0), *inputs)
    check_tree(variables, tree, f"the weights in {folder}")
    return Network(kind, folder, identity(folder), config, jax.device_put(variables))


def identity(folder: Path) -> str:
    """A name of the weights in a folder that changes when they do."""
    params = (folder / "params.safetensors").stat()
    told = (folder / "config.json").read_bytes() + (folder / "card.json").read_bytes()
    return hashlib.sha256(told + f"{params.st_size} {params.st_mtime_ns}".encode()).hexdigest()[:16]


class Batches:
    """Rows through a compiled function, in batches of one size; the last is filled up.

    Args:
      function: arrays (size, ...) -> (size, d).
    """

    def __init__(self, function: Callable[..., Array], size: int):
        self._function, self._size = function, size
        self._rows: list[tuple[np.ndarray, ...]] = []
        self._found: list[np.ndarray] = []

    def add(self, *row: np.ndarray) -> None:
        """One row for each of the function's arguments."""
        self._rows.append(row)
        if len(self._rows) == self._size:
            self._flush()

    def result(self) -> Float[np.ndarray, "n ..."]:
        """Of all rows in order; starts anew.

        Raises:
          UserError: no row was given, or the network gave numbers that are not finite.
        """
        if self._rows:
            self._flush()
        if not self._found:
            raise UserError("expected images for the network, found none: give a longer clip")
        found, self._found = np.concatenate(self._found), []
        if not np.isfinite(found).all():
            raise UserError(
                "expected finite numbers from the network, found NaN: check its weights"
            )
        return found

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        columns: Iterable[Any] = zip(*rows, strict=True)
        filled = [np.stack(x + (x[-1],) * (self._size - len(rows))) for x in columns]
        self._found.append(np.asarray(self._function(*filled))[: len(rows)])
