"""The families of networks that cross between PyTorch and Flax: one row each, and who is who.

A family says what its tensors are called (a table), which sizes their shapes tell, what a weights
directory of it is (`kind` in its `config.json`), under which licence it is published, and how both
sides run. `detect` compares a checkpoint's names with every row; a new family is one more row.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from flax.errors import FlaxError

from playmate_jax.configuration import from_values
from playmate_jax.converters import (
    joyvasa,
    joyvasa_files,
    liveportrait,
    playmate,
    runs,
    speech_encoders,
    syncnet,
    training_networks,
)
from playmate_jax.converters.checkpoints import Checkpoint, Content, state_dict_content
from playmate_jax.converters.rules import Ignored, Rule, Table, renamed
from playmate_jax.converters.sizes import Shapes
from playmate_jax.converters.verify import Run
from playmate_jax.errors import UserError, nearest
from playmate_jax.models.discriminator import DiscriminatorConfig
from playmate_jax.models.hopenet import HopenetConfig
from playmate_jax.models.joyvasa import JoyvasaConfig
from playmate_jax.models.motion_model import MotionModelConfig
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.syncnet import SyncNetConfig
from playmate_jax.models.vgg19 import VGG19Config
from playmate_jax.models.wav2vec2 import Wav2Vec2Config

# What a config.json says beside the fields of its configuration.
BESIDE_FIELDS = ("kind", "crop", "normalize")
# What sizes read from other names, or from damaged shapes, end in.
NONSENSE = (KeyError, IndexError, ValueError, TypeError, ZeroDivisionError, FlaxError)
ENOUGH = 0.5  # share of names from which on a checkpoint is taken for a family's


@dataclass(frozen=True)
class Family:
    """One row.

    Attributes:
      name: the word on the command line.
      kind: of its weights directories.
      config_class, tiny: its configuration, and one small enough for a recording.
      sizes: shapes (names begin with the part, where there are parts) -> configuration.
      table, shapes: configuration -> rules, and leaves with their shapes.
      runs: configuration -> how its networks run on both sides.
      parts: what names begin with, where the family has several networks; each may come alone.
      rename: a published name -> the table's, None for a tensor that is left out.
      said: what lies beside the tensors, and shapes -> configuration, where shapes do not tell it.
      remembered: names, and what lies beside the tensors -> what the card keeps for an export.
      content: what a `.pth` of it holds.
      domain: the images that a renderer was trained on.
    """

    name: str
    title: str
    kind: str
    licence: str
    config_class: type
    tiny: Any
    sizes: Callable[[Shapes], Any]
    table: Callable[[Any], Table]
    shapes: Callable[[Any], Shapes]
    runs: Callable[[Any], list[Run]]
    parts: tuple[str, ...] = ()
    rename: Callable[[str], str | None] = str
    said: Callable[[Mapping[str, Any], Shapes], Any] | None = None
    remembered: Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]] = lambda *_: {}
    content: Content = state_dict_content
    domain: str = ""

    def config(self, shapes: Shapes, beside: Mapping[str, Any]) -> Any:
        """The configuration of a checkpoint: what our export says, or others, or the shapes."""
        if "config" in beside:
            return self.config_from(beside["config"], "the checkpoint's config")
        return self.said(beside, shapes) if self.said else self.sizes(shapes)

    def config_from(self, values: Mapping[str, Any], where: str) -> Any:
        """The configuration in a config.json."""
        own = {k: v for k, v in values.items() if k not in BESIDE_FIELDS}
        return from_values(self.config_class, own, where)


@dataclass(frozen=True)
class Form:
    """A family at one size, with the parts that are there."""

    family: Family
    config: Any
    table: Table
    shapes: Shapes
    runs: list[Run]

    @classmethod
    def of(cls, family: Family, config: Any, names: Any) -> "Form":
        """Only with the parts that `names` begin with ("appearance.first...")."""
        present = {name.replace("/", ".").partition(".")[0] for name in names} & set(family.parts)
        here = (
            (lambda name: name.replace("/", ".").partition(".")[0] in present) if present else bool
        )
        return cls(
            family,
            config,
            [entry for entry in family.table(config) if here(entry.source)],
            {path: shape for path, shape in family.shapes(config).items() if here(path)},
            [run for run in family.runs(config) if not present or run.part in present],
        )


MIT = "MIT (LivePortrait's code and weights)"
JOYVASA = "JoyVASA: code MIT; weights as their model card says (huggingface.co/jdh-algo/JoyVASA)"
SYNCNET = "SyncNet: code MIT; weights as their source says (robots.ox.ac.uk/~vgg/software/lipsync)"
APACHE = "Apache-2.0"
UNTOLD = "as its source says"  # published in several places, or by nobody yet


def _speech_family(name: str, title: str) -> Family:
    def said(beside: Mapping[str, Any], _: Shapes) -> Wav2Vec2Config:
        if "transformers" not in beside:
            raise UserError(
                f"expected transformers' config.json beside the weights of {name}, found none: "
                "give the folder that holds both"
            )
        return speech_encoders.config_of(beside["transformers"])

    return Family(
        name, title, name, APACHE, Wav2Vec2Config, runs.TINY_SPEECH, speech_encoders.sizes,
        speech_encoders.table, speech_encoders.leaf_shapes, runs.speech_encoder,
        rename=functools.partial(speech_encoders.present_name, prefix=f"{name}."), said=said,
    )  # fmt: skip


def _vgg_name(name: str) -> str | None:
    return None if name.startswith("classifier.") else name


FAMILIES = (
    Family(
        "liveportrait", "F, M, W, G, S and the retargeters of LivePortrait", "renderer", MIT,
        RendererConfig, runs.TINY_LIVEPORTRAIT, liveportrait.config_of, liveportrait.table,
        liveportrait.shapes, runs.liveportrait, parts=liveportrait.PARTS,
        domain="photographs",
    ),
    _speech_family("wav2vec2", "wav2vec 2.0, a speech encoder"),
    _speech_family("hubert", "HuBERT, a speech encoder"),
    Family(
        "joyvasa", "JoyVASA's motion generator, with its own speech encoder", "joyvasa", JOYVASA,
        JoyvasaConfig, runs.TINY_JOYVASA, joyvasa.sizes, joyvasa.table, joyvasa.all_leaf_shapes,
        runs.joyvasa, rename=joyvasa.present_name, said=joyvasa.config_of,
        remembered=joyvasa_files.remembered, content=joyvasa_files.content, domain="photographs",
    ),
    Family(
        "vgg19", "VGG19's convolutions, for the perceptual loss", "vgg19", "BSD-3-Clause",
        VGG19Config, runs.TINY_VGG19, training_networks.vgg19_config, training_networks.vgg19,
        training_networks.vgg19_shapes, runs.vgg19, rename=_vgg_name,
    ),
    Family(
        "discriminator", "patch discriminators at several scales", "discriminator", UNTOLD,
        DiscriminatorConfig, runs.TINY_DISCRIMINATOR, training_networks.discriminator_config,
        training_networks.discriminator, training_networks.discriminator_shapes,
        runs.discriminator,
    ),
    Family(
        "hopenet", "Hopenet, a teacher of head pose", "hopenet", UNTOLD,
        HopenetConfig, runs.TINY_HOPENET, training_networks.hopenet_config,
        training_networks.hopenet, training_networks.hopenet_shapes, runs.hopenet,
    ),
    Family(
        "syncnet", "SyncNet, which compares lips with speech", "syncnet", SYNCNET,
        SyncNetConfig, runs.TINY_SYNCNET, syncnet.sizes, syncnet.table, syncnet.leaf_shapes,
        runs.syncnet,
    ),
    Family(
        "playmate", "our motion generator with its emotion controller", "playmate", APACHE,
        MotionModelConfig, runs.TINY_PLAYMATE, playmate.motion_sizes, playmate.motion_table,
        playmate.motion_shapes, runs.playmate, said=playmate.no_config,
    ),
    Family(
        "playmate-renderer", "our renderer with options that LivePortrait does not have",
        "renderer", APACHE, RendererConfig, runs.TINY_RENDERER, playmate.renderer_sizes,
        playmate.renderer_table, playmate.renderer_shapes, runs.playmate_renderer,
        said=playmate.no_config,
    ),
)  # fmt: skip


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
            if kind == "renderer" and playmate.has_options(config):
                return by_name("playmate-renderer"), config
            return family, config
    kinds = sorted({family.kind for family in FAMILIES})
    raise UserError(
        f"expected weights of a kind among {', '.join(kinds)} in {where}, found '{kind}'"
        f"{nearest(str(kind), kinds)}: give another directory"
    )


# ---- who is who ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Match:
    """How well a checkpoint fits a family.

    Attributes:
      part: the one network of the family that it holds, or "" for names as the table has them.
      share: names that both have, of all names that either has.
      extra, missing: names of the checkpoint alone, and of the family alone.
    """

    family: Family
    part: str
    share: float
    extra: list[str]
    missing: list[str]

    @property
    def name(self) -> str:
        return f"{self.family.name} ({self.part})" if self.part else self.family.name


def detect(checkpoint: Checkpoint, wanted: Family | None = None) -> Match:
    """The family that a checkpoint is of, `wanted` if that was asked for.

    Raises:
      UserError: of none, with the nearest and the first names that differ.
    """
    said = checkpoint.beside.get("config")
    rows = (
        (wanted,) if wanted else (by_config(said, str(checkpoint.path))[0],) if said else FAMILIES
    )
    told = checkpoint.beside.get("transformers", {}).get("model_type")
    if told in {row.name for row in rows}:  # the two speech encoders have the same names
        rows = tuple(row for row in rows if row.name == told)
    best: Match | None = None
    for row in rows:
        for part in ("", *row.parts):
            found = match(checkpoint, row, part)
            if best is None or found.share > best.share:
                best = found
        if best and best.share >= ENOUGH:  # no two rows share half of their names
            break
    assert best is not None  # there is a row
    if best.share < ENOUGH:
        differing = [f"+ {name}" for name in best.extra[:3]]
        differing += [f"- {name}" for name in best.missing[:3]]
        raise UserError(
            f"expected {wanted.name if wanted else 'a known network'} in {checkpoint.path}, found "
            f"another; the nearest is {best.name}: {best.share:.0%} of the names match, and these "
            f"differ first (+ only in the checkpoint, - only there): {', '.join(differing)}"
        )
    return best


def match(checkpoint: Checkpoint, family: Family, part: str) -> Match:
    """How well a checkpoint fits one network of a family; `part` is put in front of its names."""
    prefix = f"{part}." if part else ""
    state = checkpoint.state
    named = {prefix + new: name for name in state if (new := family.rename(name)) is not None}
    shapes = {new: np.shape(state[name]) for new, name in named.items()}
    try:
        said = checkpoint.beside.get("config")
        table = family.table(family.config_from(said, "") if said else family.sizes(shapes))
    except NONSENSE:  # other names, or damage
        table = family.table(family.config_class())
    table = [entry for entry in table if entry.source.startswith(prefix)]
    if family.parts and not part:
        table = [e for e in table if e.source.partition(".")[0] in _parts(named)] or table
    known = [entry.source for entry in table if isinstance(entry, Rule)]
    ignored = {entry.source for entry in table if isinstance(entry, Ignored)}
    found = [name for name in named if name not in ignored]
    both = len(set(found) & set(known))
    return Match(
        family,
        part,
        both / max(1, len(set(found) | set(known))),
        [name.removeprefix(prefix) for name in found if name not in set(known)],
        [name.removeprefix(prefix) for name in known if name not in set(found)],
    )


def _parts(names: Mapping[str, str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def named_state(checkpoint: Checkpoint, found: Match) -> dict[str, np.ndarray]:
    """The checkpoint's tensors under the table's names.

    Raises:
      UserError: a tensor that is there twice under different names.
    """
    prefix = f"{found.part}." if found.part else ""
    state = renamed(checkpoint.state, found.family.rename)
    return {prefix + name: value for name, value in state.items()}


def form_of(checkpoint: Checkpoint, found: Match, state: Mapping[str, np.ndarray]) -> Form:
    """The family at the checkpoint's size."""
    shapes = {name: np.shape(value) for name, value in state.items()}
    try:
        return Form.of(found.family, found.family.config(shapes, checkpoint.beside), state)
    except UserError:
        raise
    except NONSENSE:  # of damaged shapes; what is wrong shows against the usual size
        return Form.of(found.family, found.family.config_class(), state)
