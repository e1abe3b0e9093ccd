"""The drawn-face world: procedural talking faces with ground truth for everything."""
