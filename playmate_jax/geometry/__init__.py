"""Head pose, keypoints and sampling of pictures and volumes: pure functions of arrays."""
