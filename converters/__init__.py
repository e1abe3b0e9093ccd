"""Weights between PyTorch and Flax, both ways: a folder per family of networks.

A folder holds the family's rule table, its PyTorch reference, how both sides run and how recordings
of the original were made, and exports one `FAMILY` for the registry. This is the only home of
torch in the project, imported to read and write its files and to run the references.
"""
