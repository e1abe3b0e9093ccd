"""`playmate weights list | card`: what shipped or given weights say of themselves."""

import argparse
import json


def command(args: argparse.Namespace) -> int:
    """Runs `playmate weights`; returns its exit code."""
    from playmate_jax.inference import bundles

    if args.action == "list":
        for name in bundles.shipped_names():
            folders = bundles.find_bundle(name).values()
            titles = [bundles.read_card(folder).get("title", "") for folder in folders]
            print(f"{name:12} {'; '.join(titles)}")
        return 0
    parts = bundles.find_bundle(args.which)
    cards = {part: bundles.read_card(folder) for part, folder in parts.items()}
    print(json.dumps(cards, indent=1, ensure_ascii=False))
    return 0
