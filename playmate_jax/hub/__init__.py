"""Weights on disk and on the Hugging Face hub: save, load, find by name, fetch, describe.

Nothing here knows a network: weights are a configuration, a tree of arrays and a card.
"""
