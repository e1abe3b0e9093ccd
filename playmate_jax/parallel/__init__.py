"""Where arrays live: meshes and placements."""
