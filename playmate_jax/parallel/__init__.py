"""Placement of arrays on devices, and the persistent cache of compiled programs."""
