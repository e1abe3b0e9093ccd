"""Readers of published data sets and of plain folders: a table, and the one way to call it.

    listing = read("mead", "/data/MEAD", views="front,left_30")

A reader lists what each file is; here every source gets its id (unique, stable, fit for a file
name) and its split (no speaker is in two), and sources are sorted by id. All rules that do not
depend on the data set are here.
"""

import dataclasses
import os

from playmate_jax.data.records import SPLITS
from playmate_jax.errors import UserError, nearest
from playmate_jax.prepare.plan import Listing
from playmate_jax.prepare.readers import (
    acappella,
    avspeech,
    celebv_text,
    folder,
    hdtf,
    mafw,
    mead,
)
from playmate_jax.prepare.readers.assignment import assign, identify
from playmate_jax.prepare.readers.reader import Reader
from playmate_jax.prepare.readers.tree import scan

READERS: dict[str, Reader] = {
    "avspeech": avspeech.READER,
    "celebv-text": celebv_text.READER,
    "acappella": acappella.READER,
    "mead": mead.READER,
    "mafw": mafw.READER,
    "hdtf": hdtf.READER,
    "folder": folder.READER,
}


def read(name: str, root: str | os.PathLike, *, split: str | None = None, **options) -> Listing:
    """Lists the sources of a data set in a folder.

    Args:
      name: of the data set, one of `READERS`.
      root: its folder.
      split: puts everything into this split (for a data set that is used for testing alone).
      options: of its reader, `READERS[name].options`; None means not given.

    Raises:
      UserError: there is no such reader, option or folder, or nothing in it can be used.
    """
    if name not in READERS:
        raise UserError(
            f"expected a data set out of {', '.join(READERS)}, found '{name}'"
            f"{nearest(name, READERS)}"
        )
    reader = READERS[name]
    options = {key: value for key, value in options.items() if value is not None}
    for option in sorted(options.keys() - reader.options.keys()):
        known = ", ".join(reader.options) or "none"
        raise UserError(f"expected an option of '{name}' ({known}), found '{option}': leave it out")
    if split is not None and split not in SPLITS:
        raise UserError(
            f"expected a split out of {', '.join(SPLITS)}, found '{split}'{nearest(split, SPLITS)}"
        )
    tree = scan(root)
    found = reader.read(tree, **options)
    dropped = tree.dropped + found.dropped
    if not found.sources:
        why = [line.reason for line in (*found.dropped, *tree.dropped)][:1]
        raise UserError(
            f"expected {reader.title.partition(':')[0]} in '{tree.root}', found nothing to use "
            f"among {len(tree.files):,} files{''.join(f' ({reason})' for reason in why)}: give a "
            f"folder with\n{_indented(reader.layout, '  - ')}"
        )
    ids = identify([source.id for source in found.sources])
    splits = assign(name, (source.speaker for source in found.sources), found.official)
    sources = []
    for source, id in zip(found.sources, ids, strict=True):
        where = split or splits[source.speaker]
        sources.append(dataclasses.replace(source, id=id, split=where, root=tree.root))
    return Listing(sorted(sources, key=lambda source: source.id), dropped, found.official)


def describe() -> str:
    """Every data set with its layout and licence, for the help of the command line."""
    return "\n\n".join(
        f"{name}: {reader.title}\n{_indented(reader.layout)}\n{_indented(reader.licence)}"
        for name, reader in READERS.items()
    )


def _indented(text: str, margin: str = "  ") -> str:
    return "\n".join(margin + line for line in text.splitlines())
