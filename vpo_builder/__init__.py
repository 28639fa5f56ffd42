"""Builds the VPO benchmarks: COCO instance masks paired with clips of the same category."""

from .settings import Settings

__all__ = ["Settings"]
