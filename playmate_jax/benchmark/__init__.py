"""Timing our programs beside those of others: sides that alternate in one run, and their report."""
