"""Licences and origin of the weights in use, from their cards."""

import html

from playmate_jax.hub.bundles import find_parts, read_card
from playmate_jax.serve.settings import Settings

_SHOWN = ("title", "domain", "parameters", "data", "source")
_DOMAIN = {"drawn": "trained on synthetic faces only: a photograph moves, but will look redrawn"}


def about(settings: Settings) -> str:
    """The bottom of the page, as HTML: a line for each part of the weights, and its card."""
    parts = find_parts(settings.weights, settings.generator)
    rows = "".join(_row(part, read_card(folder)) for part, folder in parts.items())
    return (
        f"<div class='pm-about'><p>Weights: <b>{html.escape(str(settings.weights))}</b>. Only "
        "animate people who agree to it, and say that the video is generated.</p>"
        f"<ul>{rows}</ul><p><a href='docs' target='_blank'>HTTP API</a></p></div>"
    )


def _row(part: str, card: dict) -> str:
    facts = {name: str(card[name]) for name in _SHOWN if card.get(name)}
    if "parameters" in facts:
        facts["parameters"] = f"{int(facts['parameters']):,} parameters"
    facts["domain"] = _DOMAIN.get(facts.get("domain", ""), facts.get("domain", ""))
    told = "; ".join(value for value in facts.values() if value)
    licence = str(card.get("licence", "licence not stated"))
    stated = str(card.get("licence_stated_by_source", ""))
    shown = f"{licence} ({stated})" if stated and stated != licence else licence
    return f"<li>{part}: <b>{html.escape(shown)}</b>; {html.escape(told)}</li>"
