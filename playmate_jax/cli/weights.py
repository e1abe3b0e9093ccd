"""`playmate weights get | push | list | where | remove | card`: weights by name, their cards."""

import argparse
import json


def get(args: argparse.Namespace) -> int:
    """Runs `playmate weights get`: downloads and converts weights, one after the other."""
    from playmate_jax.converters import fetch
    from playmate_jax.errors import UserError
    from playmate_jax.hub import download

    if args.revision and len(args.names) > 1:
        raise UserError(
            f"expected one name with --revision, found {len(args.names)}: fetch them one by one"
        )
    for name in args.names:
        if download.split_id(name):
            folder = download.fetch_bundle(
                f"{name}@{args.revision}" if args.revision else name,
                offline=args.offline, endpoint=args.endpoint, say=print,
            )  # fmt: skip
            print(f"{name}: ready in {folder}")
            continue
        fetch.get(
            name, revision=args.revision or "", offline=args.offline, endpoint=args.endpoint,
            say=print,
        )  # fmt: skip
    return 0


def listing(args: argparse.Namespace) -> int:
    """Runs `playmate weights list`: shipped, fetched and available weights, a line each."""
    from playmate_jax.hub import bundles
    from playmate_jax.hub.published import PUBLISHED

    cached = bundles.cached_names()
    for name in [*bundles.shipped_names(), *cached]:
        folder = bundles.find_folder(name)
        cards = [bundles.read_card(path) for path in bundles.find_bundle(name).values()]
        licences = {str(card.get("licence", "licence not stated")) for card in cards}
        titles = "; ".join(str(card.get("title", "")) for card in cards)
        where = "fetched" if name in cached else "shipped"
        _row(name, where, _size(bundles.size_of(folder)), " / ".join(sorted(licences)), titles)
    for name, row in PUBLISHED.items():
        if name not in cached:
            size = _size(row.size) if all(f.size for f in row.files) else ""
            _row(name, "available", size, row.licence, f"{row.title} (from {row.repository})")
    if len(cached) < len(PUBLISHED):
        print("'playmate weights get NAME' fetches weights that are available.")
    return 0


def where(args: argparse.Namespace) -> int:
    """Runs `playmate weights where`: prints the folder of weights."""
    from playmate_jax.hub import bundles

    print(bundles.find_folder(args.name))
    return 0


def remove(args: argparse.Namespace) -> int:
    """Runs `playmate weights remove`: deletes fetched weights."""
    from playmate_jax.hub import bundles

    for name in args.names:
        folder, size = bundles.remove(name)
        print(f"{name}: removed {folder} ({_size(size)})")
    return 0


def card(args: argparse.Namespace) -> int:
    """Runs `playmate weights card`: prints the cards of weights, as JSON or Markdown."""
    from playmate_jax.hub import bundles

    cards = {part: bundles.read_card(path) for part, path in bundles.find_bundle(args.name).items()}
    if args.markdown:
        from playmate_jax.hub.model_card import markdown

        print(markdown(cards, args.name), end="")
        return 0
    print(json.dumps(cards, indent=1, ensure_ascii=False))
    return 0


def push(args: argparse.Namespace) -> int:
    """Runs `playmate weights push`: uploads weights and their model card to the hub."""
    from playmate_jax.hub import upload

    address = upload.push(
        args.name, args.repository, public=args.public, endpoint=args.endpoint, say=print
    )
    print(f"{args.repository}: sent, {'public' if args.public else 'private'}: {address}")
    return 0


def _row(name: str, where: str, size: str, licence: str, title: str) -> None:
    print(f"{name:21} {where:10} {size:>9}  {licence:12}  {title}".rstrip())


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
