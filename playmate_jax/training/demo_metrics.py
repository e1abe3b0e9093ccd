"""The demo world's own networks of the metrics, as stages: a small network of lips and speech, and
a classifier of emotions. Both are trained on synthetic faces alone (data/speaking_people.py and
data/emotional_faces.py), so that `playmate evaluate` has something to say of lips and emotions
without any download; their numbers are not the paper's. Configurations: configs/demo_sync.py,
configs/demo_emotion.py.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from playmate_jax.configuration import to_values
from playmate_jax.data.batches import Loading
from playmate_jax.data.emotional_faces import read_faces
from playmate_jax.data.speaking_batches import emotion_batches, speaking_batches
from playmate_jax.data.speaking_people import read_people
from playmate_jax.hub.weights import save_weights
from playmate_jax.losses.matching import classification, matched, matching
from playmate_jax.metrics.demo_networks import emotion_figures, sync_figures
from playmate_jax.metrics.sync import DEMO, SyncScore
from playmate_jax.models.normalization import statistics_over
from playmate_jax.models.small.emotion_classifier import (
    KIND,
    EmotionClassifier,
    EmotionClassifierConfig,
)
from playmate_jax.models.small.sync_net import SmallSyncConfig, SmallSyncNet, inputs_of
from playmate_jax.parallel.share import Share, Terms
from playmate_jax.training.loop import LoopConfig
from playmate_jax.training.optimizer import OptimizerConfig, optimizer, packing, schedule
from playmate_jax.training.stage import Metrics, Params, Stage, TrainState

STATISTICS = "batch_stats"


@flax.struct.dataclass
class NetworkState:
    """A network in training, and the running moments of its BatchNorms."""

    trained: TrainState
    moments: Params

    @property
    def variables(self) -> dict[str, Any]:
        """What the network is applied with."""
        return {"params": self.trained.params, STATISTICS: self.moments}


class Network(NamedTuple):
    """A network that is trained.

    Attributes:
      kind, sizes: of its weights' config.json.
      init: a key -> its variables.
      terms: variables and a batch -> terms of the loss, and new moments.
    """

    kind: str
    sizes: Any
    init: Callable[[jax.Array], Any]
    terms: Callable[[Any, Any], tuple[Terms, Params]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DemoRun:
    """What runs of both networks say.

    Attributes:
      people, held_out: clips of data/speaking_people.py, to train and to evaluate on; the
        classifier also reads those of data/emotional_faces.py.
      storage: number format of exported weights, "float32" or "float16".
    """

    people: str
    held_out: str
    steps: int
    optimizer: OptimizerConfig = OptimizerConfig()
    loop: LoopConfig = LoopConfig(eval_every=200)
    batch_size: int = 8
    seed: int = 0
    storage: str = "float16"


@dataclasses.dataclass(frozen=True, kw_only=True)
class DemoSyncConfig(DemoRun):
    """A run of the small network of lips and speech; `name` is what its weights are called."""

    network: SmallSyncConfig = SmallSyncConfig()
    name: str = DEMO

    def stage(self) -> Stage[NetworkState, Any]:
        """This configuration as a value for the loop; raises UserError where clips are missing."""
        module, judged = SmallSyncNet(self.network, train=True), read_people(self.held_out)

        def terms(variables: Params, batch: Any) -> tuple[Terms, Params]:
            b, n = batch["speech"].shape[:2]
            lips = batch["lips"].reshape(b * n, *batch["lips"].shape[2:]).astype(jnp.float32) / 255
            windows = batch["speech"].reshape(b * n, *batch["speech"].shape[2:], 1)
            (heard, seen), moved = module.apply(variables, windows, lips, mutable=[STATISTICS])
            heard, seen = (x.reshape(b, n, -1) for x in (heard, seen))
            found = {"matching": matching(seen, heard), "matched": matched(seen, heard)}
            return found, moved[STATISTICS]

        def evaluate(state: NetworkState, pause: Callable[[], None]) -> Mapping[str, float]:
            figures = sync_figures(SyncScore(self.network, state.variables, DEMO), judged, pause)
            last = figures.pop("at_rest")
            return figures | {"at_rest_0": last[0], "at_rest_15": last[-1]}

        def init(key: jax.Array) -> Any:
            mfcc, frames = inputs_of(self.network)
            return SmallSyncNet(self.network).init(
                key, jnp.zeros(mfcc.shape), jnp.zeros(frames.shape)
            )

        network = Network(DEMO, self.network, init, terms)
        return _stage(self, network, {"matching": 1.0}, read_people, speaking_batches, evaluate)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DemoEmotionConfig(DemoRun):
    """A run of the classifier of emotions; `name` is what its weights are called."""

    network: EmotionClassifierConfig = EmotionClassifierConfig()
    batch_size: int = 64
    name: str = KIND

    def stage(self) -> Stage[NetworkState, Any]:
        """This configuration as a value for the loop; raises UserError where clips are missing."""
        module, judged = EmotionClassifier(self.network, train=True), read_faces(self.held_out)

        def terms(variables: Params, batch: Any) -> tuple[Terms, Params]:
            face = batch["face"].astype(jnp.float32) / 255.0
            logits, moved = module.apply(variables, face, mutable=[STATISTICS])
            return {"emotion": classification(logits, batch["emotion"])}, moved[STATISTICS]

        @jax.jit
        def logits_of(variables: Any, faces: Any) -> Any:
            return EmotionClassifier(self.network).apply(variables, faces / 255.0)

        def evaluate(state: NetworkState, pause: Callable[[], None]) -> Mapping[str, float]:
            pause()
            faces = judged.faces.reshape(-1, *judged.faces.shape[2:]).astype(np.float32)
            found = np.asarray(logits_of(state.variables, faces))
            found = found.reshape(*judged.faces.shape[:2], -1)
            figures = emotion_figures(found, judged.emotion)
            return {name: x for name, x in figures.items() if not isinstance(x, Mapping)}

        def init(key: jax.Array) -> Any:
            side = self.network.image_size
            return EmotionClassifier(self.network).init(key, jnp.zeros((1, side, side, 3)))

        network = Network(KIND, self.network, init, terms)
        return _stage(self, network, {"emotion": 1.0}, read_faces, emotion_batches, evaluate)


def _stage(
    config: DemoSyncConfig | DemoEmotionConfig,
    network: Network,
    weights: Mapping[str, float],
    read: Callable[[str], Any],
    batches_of: Callable[..., Iterator[Any]],
    evaluate: Callable[[NetworkState, Callable[[], None]], Mapping[str, float]],
) -> Stage[NetworkState, Any]:
    """The stage of a network.

    Args:
      weights: of the terms of the loss.
      read: the file of people -> what is trained on.
      batches_of: of data/speaking_batches.py.
    """
    tx = optimizer(config.optimizer, config.steps)
    people: list[Any] = []  # read when training begins

    def init(key: jax.Array) -> NetworkState:
        variables = network.init(key)
        params = variables["params"]
        state = TrainState.create(params, tx, packing(config.optimizer, params))
        return NetworkState(state, variables[STATISTICS])

    def step(
        state: NetworkState, batch: Any, key: PRNGKeyArray, share: Share
    ) -> tuple[NetworkState, Metrics]:
        def loss(packed: Params, batch: Any, _: Any) -> tuple[Terms, Params]:
            params = state.trained.packing.unpack(packed)
            return network.terms({"params": params, STATISTICS: state.moments}, batch)

        with statistics_over(share.axis):
            gradients, metrics, moments = share.gradients_and_rest(
                loss, weights, state.trained.packed, batch, key
            )
        trained, norms = state.trained.updated(tx, gradients, config.optimizer.ema_decay)
        return NetworkState(trained, moments), metrics | norms

    def batches(seed: int, start: int) -> Iterator[Any]:
        if not people:
            people.append(read(config.people))
        at = Loading(0, jax.process_index(), jax.process_count())
        return batches_of(people[0], config.batch_size, seed, start, at)

    def export(state: NetworkState, directory: Path) -> None:
        card = {
            "name": config.name,
            "title": f"{config.name}: of the demo world, for synthetic faces alone",
            "domain": "drawn",
            "licence": "Apache-2.0",
            "steps": int(state.trained.count),
            "training": to_values(config),
        }
        values = {"kind": network.kind, **to_values(network.sizes)}
        arrays = jax.tree.map(np.asarray, state.variables)
        dtype = None if config.storage == "float32" else config.storage
        save_weights(directory, values, arrays, card, dtype)

    return Stage(
        name=network.kind,
        init=init,
        step=step,
        batches=batches,
        evals={"held_out": evaluate},
        export=export,
        description=to_values(config),
        learning_rate=schedule(config.optimizer, config.steps),
    )
