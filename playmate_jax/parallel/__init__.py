"""Where arrays live and what is compiled: meshes, placements, the cache of compiled programs."""
