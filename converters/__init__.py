"""Weights between PyTorch and Flax; the only home of torch."""
