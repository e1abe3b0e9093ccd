"""Faces in pictures: found, cropped as LivePortrait does, followed through a video, pasted back."""
