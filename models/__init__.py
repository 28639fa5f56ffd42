"""Reference models for audio-visual segmentation."""
