"""From sound to pictures of it: log-mel front ends, and what two channels tell about the direction.

Both front ends take sound at 16 kHz, float32 (batch, channels, samples), 1 full scale, and give float32 (batch, pictures,
time, 64): steps of 10 ms by mel bands from low to high. The first pictures are the channels themselves. With two
channels ``stereo`` adds more:

level         per band ``tanh((ln R - ln L) / 2)``, which is ``(R - L) / (R + L)`` of the bands' amplitudes: -1 all
              left, 1 all right, 0 in silence. One source panned by L = (1 - p) s, R = p s gives 2 p - 1 in every loud band.
level+phase   and the cross-spectrum ``conj(L) R``, summed over the bins of a band with the mel weights and divided by the
              sum of ``|L| |R|``: real part (cosine) and imaginary part (sine). Length 1 where the band holds one delay,
              less where it holds several, 0 in silence; the sine is positive where the right channel is ahead.

Exchanging the channels exchanges the first two pictures, negates level and sine, and leaves the cosine.
All is computed in float32, whatever autocast says; the mel banks are made in float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

SAMPLE_RATE = 16_000
WINDOW, HOP, FFT = 400, 160, 512  # samples: 25 ms, 10 ms, 32 ms
BINS, BANDS = FFT // 2 + 1, 64
EXAMPLE = 96  # steps of an example of VGGish: 0.96 s
EXAMPLE_SAMPLES = (EXAMPLE - 1) * HOP + WINDOW
STEREO = {"plain": 0, "level": 1, "level+phase": 3}  # pictures beside the channels

Float64 = np.ndarray[Any, np.dtype[np.float64]]


class FrontEnd(nn.Module):
    """Windows, Fourier transform and mel bands; what is made of them is a subclass's."""

    bank: Tensor
    window: Tensor

    def __init__(self, bank: Float64, stereo: str) -> None:
        super().__init__()
        if stereo not in STEREO:
            raise ValueError(f"found stereo {stereo!r}, expected one of {', '.join(STEREO)}")
        self.stereo = stereo
        self.register_buffer("bank", torch.from_numpy(bank).float(), persistent=False)  # (bins, bands)
        window = 0.5 - 0.5 * np.cos(2 * np.pi / WINDOW * np.arange(WINDOW))  # Hann, periodic
        self.register_buffer("window", torch.from_numpy(window).float(), persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        """float (batch, channels, samples) -> float32 (batch, pictures, time, bands)."""
        if wave.dim() != 3 or not wave.is_floating_point():
            raise ValueError(f"expected float (batch, channels, samples), found {wave.dtype} {tuple(wave.shape)}")
        if self.stereo != "plain" and wave.shape[1] != 2:
            raise ValueError(f"stereo {self.stereo!r} needs 2 channels, found {wave.shape[1]}: {tuple(wave.shape)}")
        with torch.autocast(wave.device.type, enabled=False):
            return self._pictures(wave.float())

    def _pictures(self, wave: Tensor) -> Tensor:
        raise NotImplementedError

    def _spectrum(self, wave: Tensor, *, center: bool) -> Tensor:
        """Complex (batch, channels, time, bins)."""
        found = torch.stft(wave.flatten(0, 1), FFT, HOP, WINDOW, self.window, center=center, return_complex=True)
        found = found.transpose(1, 2)  # (batch * channels, bins, time) -> (batch * channels, time, bins)
        return found.reshape(*wave.shape[:2], *found.shape[1:])

    def _beside(self, spectrum: Tensor, log_amplitude: Tensor, floor: float) -> list[Tensor]:
        """Pictures (batch, 1, time, bands) of the difference between left and right; ``floor``: power of a silent band."""
        if self.stereo == "plain":
            return []
        pictures = [torch.tanh((log_amplitude[:, 1:] - log_amplitude[:, :1]) / 2)]
        if self.stereo == "level+phase":
            left, right = spectrum[:, :1], spectrum[:, 1:]
            common = ((_power(left) * _power(right)).sqrt() @ self.bank).clamp_min(floor)
            cosine = left.real * right.real + left.imag * right.imag
            sine = left.real * right.imag - left.imag * right.real
            pictures += [cosine @ self.bank / common, sine @ self.bank / common]
        return pictures


class VggishLogMel(FrontEnd):
    """``ln(band + 0.01)`` of magnitudes, 125 to 7500 Hz, windows inside the sound only: 1 + (samples - 400) // 160 steps.

    Sound too short for an example of 96 steps is filled up with silence.
    Source: VGGish front end (Hershey et al., ICASSP 2017); AVSBench f7414af, ``torchvggish/mel_features.py``.
    """

    offset = 0.01

    def __init__(self, stereo: str = "plain") -> None:
        super().__init__(mel_bank(125.0, 7500.0, linear_in="mel"), stereo)

    def _pictures(self, wave: Tensor) -> Tensor:
        missing = max(0, EXAMPLE_SAMPLES - wave.shape[2])
        around = (FFT - WINDOW) // 2  # torch centres the window in the transform; so the first begins at sample 0
        spectrum = self._spectrum(functional.pad(wave, (around, missing + around)), center=False)
        log_mel = torch.log(_power(spectrum).sqrt() @ self.bank + self.offset)
        return torch.cat([log_mel, *self._beside(spectrum, log_mel, self.offset**2)], dim=1)


class CavpLogMel(FrontEnd):
    """``20 log10(max(1e-5, band)) / 100`` of powers, 125 to 3800 Hz, windows centred at multiples of 10 ms (mirrored ends).

    1 s gives 96 steps, the official number, and longer sound one for every 10 ms: 3 s 300. Shorter sound is filled up
    with silence to 1 s. (20 log10 of a power counts decibels twice: as in the official code.)
    Source: cyh-0/CAVP 96a6c34, ``trainer/trainer_cavp_vpo_stereo.py`` ``preprocess_audio``, ``utils/sourcesep.py``.
    """

    floor = 1e-5

    def __init__(self, stereo: str = "plain") -> None:
        super().__init__(mel_bank(125.0, 3800.0, linear_in="hertz"), stereo)

    def _pictures(self, wave: Tensor) -> Tensor:
        samples = wave.shape[2]
        steps = samples // HOP if samples > SAMPLE_RATE else EXAMPLE
        wave = functional.pad(wave, (0, max(0, SAMPLE_RATE - samples)))
        spectrum = self._spectrum(wave, center=True)[:, :, :steps]
        power = (_power(spectrum) @ self.bank).clamp_min(self.floor)
        pictures = self._beside(spectrum, torch.log(power) / 2, self.floor)
        return torch.cat([torch.log10(power) / 5, *pictures], dim=1)


def _power(spectrum: Tensor) -> Tensor:
    """Squared magnitudes; on a CPU in half the time of ``abs``."""
    return spectrum.real.square() + spectrum.imag.square()


def vggish_examples(log_mel: Tensor, count: int, missing: str = "repeat") -> Tensor:
    """Cut a :class:`VggishLogMel` into its first ``count`` examples, one after the other.

    (batch, pictures, time, bands) -> (batch, count, pictures, 96, bands). What doesn't fill an example is left out.
    Where there are fewer, ``missing`` "repeat" gives the last again (AVSBench's scripts of S4 and MS3), "zeros" zeros
    (those of AVSBench-semantic). ``ValueError``: no example at all, or another ``missing``.
    """
    there = log_mel.shape[2] // EXAMPLE
    if log_mel.dim() != 4 or there < 1 or count < 1 or missing not in ("repeat", "zeros"):
        raise ValueError(
            f"expected (batch, pictures, time, bands) with an example and missing repeat or zeros, "
            f"found {tuple(log_mel.shape)} for {count}, {missing!r}"
        )
    whole = log_mel[:, :, : there * EXAMPLE]
    examples = whole.reshape(*whole.shape[:2], there, EXAMPLE, whole.shape[3]).transpose(1, 2)
    found = examples[:, :count]
    if count <= there:
        return found
    more = examples[:, -1:] if missing == "repeat" else torch.zeros_like(examples[:, -1:])
    return torch.cat([found, more.expand(-1, count - there, -1, -1, -1)], dim=1)


def mel_bank(lowest_hz: float, highest_hz: float, *, linear_in: str) -> Float64:
    """What each bin gives to each band: float64 (257, 64), triangles of height 1 evenly spaced in ``mel = 1127 ln(1 + f / 700)``.

    ``linear_in``: the sides are straight over "mel" (VGGish) or over "hertz" (torchaudio's default, CAVP).
    """
    bins = np.linspace(0.0, SAMPLE_RATE / 2, BINS)[:, None]
    edges = np.linspace(_mel(lowest_hz), _mel(highest_hz), BANDS + 2)
    if linear_in == "mel":
        bins = _mel(bins)
    else:
        edges = 700.0 * np.expm1(edges / 1127.0)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    weights: Float64 = np.maximum(0.0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    return weights


def _mel(hertz: Any) -> Any:
    return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)
