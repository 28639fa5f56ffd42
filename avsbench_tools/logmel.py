"""Log-mel pictures of sound, as VGGish hears it and AVSBench's loaders read it.

16 kHz sound in [-1, 1), windows of 400 samples (25 ms) every 160 (10 ms), without any padding; each times the periodic Hann
window ``0.5 - 0.5 cos(2 pi n / 400)``, filled with zeros to 512, and the magnitude of its Fourier transform taken, 257 bins
``31.25 k`` Hz. 64 triangles, evenly spaced on the mel scale ``1127 ln(1 + f / 700)`` from 125 to 7500 Hz and linear in it, sum
magnitudes to bands. The logarithm is ``ln(band + 0.01)``. Examples are 96 rows (0.96 s), one after the
other, and what doesn't fill one is left out: 5 s give 498 rows and 5 examples, the last ending at 4.8 s.

Source: AVSBench f7414af ``torchvggish/mel_features.py``, ``vggish_input.py``, ``vggish_params.py``; ``preprocess_s4.py``.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

Float32 = np.ndarray[Any, np.dtype[np.float32]]
Float64 = np.ndarray[Any, np.dtype[np.float64]]

SAMPLE_RATE = 16_000
WINDOW, HOP, FFT = 400, 160, 512  # samples
BANDS, LOWEST_HZ, HIGHEST_HZ = 64, 125.0, 7500.0
OFFSET = 0.01
ROWS = 96  # of an example
EXAMPLE_SAMPLES = (ROWS - 1) * HOP + WINDOW  # that the first example needs


def log_mel(wave: np.ndarray[Any, Any], seconds: int | None = None) -> Float32:
    """``float32`` (examples, 1, 96, 64) of ``int16`` (samples,), full scale 32768, or ``float32``, full scale 1, at 16 kHz.

    With ``seconds`` exactly so many examples, see :func:`fit_examples`; a sound too short for one is filled up with zeros.
    """
    if wave.ndim != 1 or wave.dtype not in (np.int16, np.float32):
        raise ValueError(f"expected int16 or float32 (samples,), found {wave.dtype} {wave.shape}")
    if seconds is not None and len(wave) < EXAMPLE_SAMPLES:
        wave = np.pad(wave, (0, EXAMPLE_SAMPLES - len(wave)))
    examples = max(0, 1 + (len(wave) - WINDOW) // HOP) // ROWS
    rows = _log_rows(wave, examples * ROWS) if examples else np.zeros((0, BANDS))
    found = rows.astype(np.float32).reshape(examples, 1, ROWS, BANDS)
    return found if seconds is None else fit_examples(found, seconds)


def fit_examples(examples: Float32, count: int) -> Float32:
    """The first ``count`` examples; the last is repeated where there are fewer, as AVSBench's scripts do."""
    if examples.ndim != 4 or not len(examples) or count < 1:
        raise ValueError(f"expected (examples, 1, {ROWS}, {BANDS}) with an example, found {examples.shape} for {count}")
    return examples[np.minimum(np.arange(count), len(examples) - 1)]


def _log_rows(wave: np.ndarray[Any, Any], rows: int) -> Float64:
    """(samples,) -> (rows, bands)"""
    sound = wave[: (rows - 1) * HOP + WINDOW].astype(np.float64)
    if wave.dtype == np.int16:
        sound /= 32768
    windows = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP]  # (rows, 400)
    magnitudes = np.abs(np.fft.rfft(windows * _hann(), FFT))  # (rows, 257)
    logarithms: Float64 = np.log(magnitudes @ mel_weights() + OFFSET)
    return logarithms


@cache
def _hann() -> Float64:
    window: Float64 = 0.5 - 0.5 * np.cos(2 * np.pi / WINDOW * np.arange(WINDOW))
    return window


@cache
def mel_weights() -> Float64:
    """What each bin gives to each band, ``float64`` (257, 64)."""
    bins = _mel(np.linspace(0.0, SAMPLE_RATE / 2, FFT // 2 + 1))[:, None]
    edges = np.linspace(_mel(LOWEST_HZ), _mel(HIGHEST_HZ), BANDS + 2)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    weights: Float64 = np.maximum(0.0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    weights.flags.writeable = False
    return weights


def _mel(hertz: Any) -> Any:
    return 1127.0 * np.log(1.0 + np.asarray(hertz) / 700.0)
