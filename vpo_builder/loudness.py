"""How loud a clip is, and the gain that brings it to a level."""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np

from evaluators.errors import DataError

from .material import UsableClip

GATE = -70.0  # LUFS; blocks below it don't count in ITU-R BS.1770
MAX_GAIN = 100.0  # 40 dB, so that a click in silence doesn't become a bang


def lufs(mono: np.ndarray[Any, Any], sample_rate: int) -> float:
    """Integrated loudness by ITU-R BS.1770-4 of float (samples,), at least 0.4 s; -70 where all of it is below the gate.

    Raises ``DataError`` ``missing-package`` where pyloudnorm is not installed.
    """
    try:
        meter = importlib.import_module("pyloudnorm").Meter(sample_rate)
    except ImportError as error:
        raise DataError(
            "missing-package", "--level lufs", 'needs pyloudnorm; install it: pip install "avskit[loudness]"'
        ) from error
    return max(GATE, float(meter.integrated_loudness(mono.astype(np.float64))))


def rms_dbfs(rms: float) -> float:
    """A linear RMS in dB of full scale: 20 log10(rms); a square wave of full scale has 0, silence minus infinity."""
    return 20 * math.log10(rms) if rms > 0 else -math.inf


def level_gain(clip: UsableClip, level: str, target: float) -> float:
    """Linear gain that brings the heard window of a clip to ``target``, at most 40 dB: 10 ** ((target - measured) / 20).

    ``level``: ``none`` (gain 1), ``rms`` (target in dBFS) or ``lufs``. Silence keeps its gain of 1.
    """
    if level == "none":
        return 1.0
    if level == "lufs" and clip.lufs is None:
        raise ValueError(f"{clip.clip.id} was examined without --level lufs")
    measured = rms_dbfs(clip.rms) if level == "rms" or clip.lufs is None else clip.lufs
    return min(MAX_GAIN, 10 ** ((target - measured) / 20)) if measured > -math.inf else 1.0
