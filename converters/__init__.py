"""Weights between PyTorch and Flax, both ways: rule tables, proofs, small PyTorch references.

The only home of torch in the project, and only to read and write its files and to run the
references.
"""
