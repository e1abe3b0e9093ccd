"""Head pose, keypoints and sampling of images and volumes: pure functions of arrays."""
