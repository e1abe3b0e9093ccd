"""The card of a converted weights directory: its origin, beside configuration and tensors."""

from collections.abc import Mapping
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from playmate_jax.converters.family import Family
from playmate_jax.converters.state_files import Checkpoint

PACKAGES = ("playmate-jax", "jax", "numpy", "torch")


def config_extras(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of config.json beside the configuration, from our export or from transformers."""
    extras = {k: v for k, v in metadata.get("config", {}).items() if k in ("crop", "normalize")}
    if "transformers" in metadata:
        extras["normalize"] = bool(metadata.get("preprocessor", {}).get("do_normalize", True))
    return extras


def card_of(family: Family, source: Checkpoint, extra: Mapping[str, Any]) -> dict[str, Any]:
    """The origin of a weights directory: family, licence, source files with their digests, date,
    versions, and the fields of the source's own card and of the family (`extra`)."""
    card: dict[str, Any] = {"name": family.name, "title": family.title, "licence": family.licence}
    if family.domain:
        animals = "animals" in str(source.path.resolve())
        card["domain"] = "animals" if animals else family.domain
    return (
        card
        | dict(source.metadata.get("card", {}))
        | dict(extra)
        | {
            "source": source.path.resolve().name,
            "source_sha256": source.sha256(),
            "date": date.today().isoformat(),
            "versions": versions(),
        }
    )


def versions() -> dict[str, str]:
    """The versions of the packages that took part, by name, where they are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # torch is optional
            continue
    return found
