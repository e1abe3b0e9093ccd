"""The synthetic-face world: procedural talking faces with ground truth for everything."""
