"""What a sample sounds like, and how loud that is."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from evaluators.dataset import Sample
from evaluators.files import inside
from evaluators.vpo import clip_file
from evaluators.wav_files import read_wav16

from .mixing import Pcm, fit_length, mixture, stem
from .settings import SAMPLE_RATE

HEARD = 3 * SAMPLE_RATE  # samples that the official loader keeps of a clip
FLOOR_DBFS = -100.0


def read_sound(folder: Path, sample: Sample, clips: Path | None = None) -> Pcm:
    """The stereo sound of a sample, int16 (n, 2): its mixture, or :func:`preview_mixture` where the loader mixes.

    ``clips`` is a second folder to look for clips in (a variant may share those of its base).
    """
    if sample.mixture_file:
        return read_wav16(inside(folder, sample.mixture_file))
    return preview_mixture(sample, folder, clips)


def preview_mixture(sample: Sample, folder: Path, clips: Path | None = None) -> Pcm:
    """What the official stereo loader makes of a sample: int16 (48000, 2), left and right.

    The central 3 s of each clip, repeated where it is shorter; L = (1 - position) s and R = position s;
    plain sum. One gain on both channels where the sum is beyond full scale (the loader works in float).
    """
    stems = []
    for source in sample.sources:
        path = inside(folder, clip_file(source.clip.id))
        if clips is not None and not path.exists():
            path = inside(clips, clip_file(source.clip.id))
        heard = _centre(read_wav16(path))
        stems.append(
            stem(heard, source.position, "linear", sample_rate=SAMPLE_RATE, field_of_view_degrees=60.0, area_share=1.0)
        )
    return mixture(stems)[1] if stems else np.zeros((HEARD, 2), np.int16)


def _centre(mono: Pcm) -> Pcm:
    mono = fit_length(mono, max(HEARD, len(mono)), "loop")
    start = len(mono) // 2 - HEARD // 2
    return mono[start : start + HEARD]


def level_dbfs(pcm: Pcm) -> tuple[float, float]:
    """Root mean square of left and right in dB below full scale, not under -100: 10 log10(mean(x^2) / 32768^2)."""
    power = np.mean(np.square(pcm.astype(np.float64)), axis=0) / 32768**2
    left, right = (max(FLOOR_DBFS, 10 * math.log10(value)) if value > 0 else FLOOR_DBFS for value in power.tolist())
    return left, right
