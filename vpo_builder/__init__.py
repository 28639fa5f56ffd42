"""Builds the VPO benchmarks: COCO instance masks paired with clips of the same category."""
