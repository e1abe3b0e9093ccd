"""A model card in Markdown, made only from the cards (card.json) of weights directories.

It states what the weights are, their licence, source, training, measured results and use. Entries
that the cards lack are left out. The file starts with the YAML metadata that the hub expects.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Card = Mapping[str, Any]
# Licences for which the hub has an id; all others are "other".
HUB_LICENCES = {"mit": "mit", "apache-2.0": "apache-2.0", "bsd-3-clause": "bsd-3-clause"}
_SHOWN = ("name", "title", "domain", "licence", "licence_stated_by_source", "parameters", "data")
_SOURCE = ("source", "revision", "fetched", "date")
_DOMAINS = {
    "drawn": "synthetic faces only; a photograph will look redrawn",
    "photographs": "photographs of people",
    "animals": "photographs of cats and dogs",
}


def markdown(cards: Mapping[str, Card], name: str) -> str:
    """The text of a README.md that describes a set of weights.

    Args:
      cards: the cards by part ("renderer", "generator", "speech").
      name: the title of the page, and the name of the weights in its examples.
    """
    blocks = [_head(cards), f"# {_cell(name)}", _what(cards)]
    for part, card in cards.items():
        blocks.append(f"## {part.capitalize()}: {_cell(card.get('title', card.get('name', '')))}")
        blocks += [block for block in (_source(card), _training(card), _measured(card)) if block]
        if rest := _rest(card):
            blocks.append(rest)
    blocks.append(_usage(cards, name))
    return "\n\n".join(blocks) + "\n"


def _head(cards: Mapping[str, Card]) -> str:
    ids = {HUB_LICENCES.get(_licence(card).lower(), "other") for card in cards.values()}
    licence = ids.pop() if len(ids) == 1 else "other"
    return f"---\nlicense: {licence}\nlibrary_name: playmate-jax\npipeline_tag: image-to-video\n---"


def _licence(card: Card) -> str:
    return str(card.get("licence", "not stated"))


def _what(cards: Mapping[str, Card]) -> str:
    rows = []
    for part, card in cards.items():
        domain = str(card.get("domain", ""))
        count = card.get("parameters")
        rows.append(
            (
                f"`{part}/`",
                card.get("title", card.get("name", "")),
                _DOMAINS.get(domain, domain),
                f"{count:,}" if isinstance(count, int) else "",
                _licence(card),
            )
        )
    text = (
        "Weights of [playmate-jax](https://playmate.github.io): one portrait and a speech clip "
        "become a talking video."
    )
    return text + "\n\n" + _table(("folder", "what", "made for", "parameters", "licence"), rows)


def _source(card: Card) -> str:
    rows = [(key, card[key]) for key in _SOURCE if card.get(key)]
    if stated := card.get("licence_stated_by_source"):
        rows.append(("licence stated there", stated))
    hashes = card.get("source_sha256", {})
    files = hashes.items() if isinstance(hashes, Mapping) else [("source", hashes)]
    tables = []
    if rows:
        tables.append(_table(("source", ""), rows))
    if hashes:
        tables.append(_table(("file", "sha256"), [(f"`{k}`", f"`{v}`") for k, v in files]))
    return "### Where it came from\n\n" + "\n\n".join(tables) if tables else ""


def _training(card: Card) -> str:
    rows = [
        (f"`{key}`", value)
        for part in ("run", "training")
        for key, value in _flat(card.get(part, {}), part)
    ]
    if card.get("data"):
        rows.insert(0, ("data", card["data"]))
    return "### Training\n\n" + _table(("setting", "value"), rows) if rows else ""


def _measured(card: Card) -> str:
    rows = [(f"`{key}`", value) for key, value in _flat(card.get("measured", {}))]
    return "### Measured\n\n" + _table(("figure", "value"), rows) if rows else ""


def _rest(card: Card) -> str:
    """A table of the entries of a card that appear nowhere else on the page."""
    shown = {*_SHOWN, *_SOURCE, "source_sha256", "run", "training", "measured"}
    rows = [
        (f"`{key}`", value)
        for name, content in card.items()
        if name not in shown
        for key, value in _flat(content, name)
    ]
    return "### More\n\n" + _table(("entry", "value"), rows) if rows else ""


def _usage(cards: Mapping[str, Card], name: str) -> str:
    if set(cards) == {"speech"}:
        return (
            "## How to use it\n\nGenerators that were trained on its features find it by its name "
            "once `playmate weights get` has fetched it, or in the folder `speech` beside theirs."
        )
    if "renderer" in cards and "generator" in cards:
        call, options = f'"{name}"', f"--weights {name}"
    elif "renderer" in cards:
        call, options = f'"{name}", generator="joyvasa"', f"--weights {name} --generator joyvasa"
    else:
        call = f'"liveportrait", generator="{name}"'
        options = f"--weights liveportrait --generator {name}"
    return f"""\
## How to use it

```
playmate animate portrait.jpg speech.wav {options} -o out.mp4
```

```python
from playmate_jax.inference import Animator

animator = Animator.from_weights({call})  # a folder, or owner/name on the hub
animator.animate("portrait.jpg", "speech.wav").write("out.mp4")
```

Each folder holds `config.json` (what to build), `params.safetensors` and `card.json`: loading them
executes nothing."""


def _flat(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested values with their dotted names; a list of plain values is a leaf."""
    if isinstance(values, Mapping):
        for key, value in values.items():
            yield from _flat(value, f"{path}.{key}" if path else str(key))
    elif isinstance(values, list) and any(isinstance(v, Mapping | list) for v in values):
        for i, value in enumerate(values):
            yield from _flat(value, f"{path}.{i}")
    else:
        yield path, ", ".join(map(str, values)) if isinstance(values, list) else values


def _table(head: tuple[str, ...], rows: list[tuple]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(value: Any) -> str:
    """A value as text that cannot leave its cell: a downloaded card must not inject markup."""
    text = "".join(c for c in " ".join(str(value).split()) if c.isprintable())
    return text.replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")
