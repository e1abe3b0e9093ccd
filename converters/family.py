"""A family of networks: one row of the converters' registry.

A family defines the names of its tensors (a table), the configuration that follows from their
shapes, the `kind` in the `config.json` of its weights directories, the licence under which it is
published, how both sides run, and how its recordings were made.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from playmate_jax.configuration import from_values
from playmate_jax.converters.golden import Port, Precision, Reference
from playmate_jax.converters.layer_outputs import Run
from playmate_jax.converters.rules import Table
from playmate_jax.converters.sizes import Shapes
from playmate_jax.converters.state_files import (
    Checkpoint,
    Content,
    Progress,
    state_dict_content,
)

# What a config.json says beside the fields of its configuration.
BESIDE_FIELDS = ("kind", "crop", "normalize")
Metadata = Mapping[str, Any]
State = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Layout:
    """How a family is published where that is more than one file of named tensors.

    Attributes:
      recognises: whether a folder holds it.
      read: such a folder -> its checkpoint; None where it is never a folder.
      write: (folder, tensors, configuration, config.json) -> the files written; None where an
        export is always one file.
      unpack: what one file holds -> its state dict; None where it is not of this layout.
      complete: a checkpoint of one file, and all that the file holds -> with what belongs to it.
    """

    recognises: Callable[[Path], bool] = lambda _: False
    read: Callable[[Path, Progress], Checkpoint] | None = None
    write: Callable[[Path, State, Any, Metadata], list[Path]] | None = None
    unpack: Callable[[Mapping[str, Any]], dict[str, np.ndarray] | None] = lambda _: None
    complete: Callable[[Checkpoint, Mapping[str, Any]], Checkpoint] = lambda found, _: found


@dataclass(frozen=True)
class Family:
    """One row of the registry.

    Attributes:
      name: the word on the command line.
      title: a description of one line.
      kind: the kind of its weights directories.
      licence: under which it is published.
      config_class, tiny: its configuration, and one small enough for a recording.
      sizes: shapes (names begin with the part, where there are parts) -> configuration.
      table, shapes: configuration -> rules, and leaves with their shapes.
      runs: configuration -> how its networks run on both sides.
      ports: recordings of originals, by file -> our outputs.
      against_float64: recordings with outputs that float32 itself blurs, by file -> the errors of
        ours and of PyTorch's; these are held to the truth, where torch is there to compute it.
      parts: what names begin with, where the family has several networks; each may come alone.
      rename: a published name -> the table's, None for a tensor that is left out.
      config_from_metadata: metadata and shapes -> configuration, where shapes are not enough.
      card_fields: names and metadata -> what the card keeps for an export.
      content: what a `.pth` of it holds.
      layout: how it is published, unless as one file of named tensors.
      full: the configuration at full size, unless it is the default one.
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
    ports: Mapping[str, Port] = field(default_factory=dict)
    against_float64: Mapping[str, Callable[[Reference], Iterable[Precision]]] = field(
        default_factory=dict
    )
    parts: tuple[str, ...] = ()
    rename: Callable[[str], str | None] = str
    config_from_metadata: Callable[[Metadata, Shapes], Any] | None = None
    card_fields: Callable[[Metadata, Metadata], dict[str, Any]] = lambda *_: {}
    content: Content = state_dict_content
    layout: Layout | None = None
    full: Callable[[], Any] | None = None
    domain: str = ""

    def config(self, shapes: Shapes, metadata: Metadata) -> Any:
        """The configuration of a checkpoint: from our export, other metadata, or the shapes."""
        if "config" in metadata:
            return self.config_from(metadata["config"], "the checkpoint's config")
        if self.config_from_metadata is not None:
            return self.config_from_metadata(metadata, shapes)
        return self.sizes(shapes)

    def config_from(self, values: Metadata, where: str) -> Any:
        """The configuration in a config.json; `where` is its place in errors."""
        own = {k: v for k, v in values.items() if k not in BESIDE_FIELDS}
        return from_values(self.config_class, own, where)

    def full_config(self) -> Any:
        """The configuration at the size at which the family is published."""
        return self.config_class() if self.full is None else self.full()


@dataclass(frozen=True)
class Form:
    """A family at one size, with the parts that are there."""

    family: Family
    config: Any
    table: Table
    shapes: Shapes
    runs: list[Run]

    @classmethod
    def of(cls, family: Family, config: Any, names: Iterable[str]) -> "Form":
        """Only with the parts that `names` begin with ("appearance.first...")."""
        present = {_first(name) for name in names} & set(family.parts)
        return cls(
            family,
            config,
            [e for e in family.table(config) if not present or _first(e.source) in present],
            {k: v for k, v in family.shapes(config).items() if not present or _first(k) in present},
            [run for run in family.runs(config) if not present or run.part in present],
        )


def _first(name: str) -> str:
    """What a tensor's or leaf's name begins with."""
    return name.replace("/", ".").partition(".")[0]
