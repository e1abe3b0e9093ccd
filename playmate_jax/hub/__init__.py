"""Weights on disk and on the Hugging Face hub: saving, loading, finding, fetching, describing.

No network is known here: weights are a configuration, a tree of arrays and a card.
"""
