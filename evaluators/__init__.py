"""The file contract of audio-visual segmentation data, its measures, and the scorer."""

from .dataset import DatasetInfo, Sample, Source, read_info, read_manifest
from .errors import DataError

__all__ = ["DataError", "DatasetInfo", "Sample", "Source", "read_info", "read_manifest"]
