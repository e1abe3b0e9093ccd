"""Plain PyTorch modules of our own with the parameter names of the exported checkpoints.

They serve parity tests, benchmarks and people who use PyTorch. Channels first, evaluation mode.
"""
