"""The file contract of audio-visual segmentation data, its measures, and the scorer."""
