"""Log-mel front ends: the numbers of VGGish's and CAVP's, and what left and right tell."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avsbench_tools.logmel import fit_examples, log_mel, mel_weights
from models.spectrogram import STEREO, CavpLogMel, FrontEnd, VggishLogMel, mel_bank, vggish_examples

RATE = 16_000
FRONT_ENDS = (VggishLogMel, CavpLogMel)


def noise(samples: int, channels: int = 1, batch: int = 1, seed: int = 0) -> torch.Tensor:
    """Sound with loud and quiet stretches."""
    rng = np.random.default_rng(seed)
    loudness = 0.3 * np.sin(np.linspace(0, 9, samples)) ** 2
    return torch.from_numpy((rng.standard_normal((batch, channels, samples)) * loudness).astype(np.float32))


def tone(hertz: float, samples: int = RATE) -> torch.Tensor:
    return torch.sin(2 * torch.pi * hertz * torch.arange(samples, dtype=torch.float64) / RATE).float()


def test_vggish_log_mel_is_the_one_of_the_dataset_tools() -> None:
    wave = noise(5 * RATE)
    found = VggishLogMel()(wave)
    assert found.shape == (1, 1, 498, 64) and found.dtype == torch.float32
    expected = log_mel(wave[0, 0].numpy())
    assert expected.shape == (5, 1, 96, 64)
    assert np.abs(vggish_examples(found, 5)[0].numpy() - expected).max() < 1e-4
    np.testing.assert_allclose(mel_bank(125, 7500, linear_in="mel"), mel_weights(), atol=1e-12)


def test_vggish_log_mel_of_a_slow_twin() -> None:
    wave = noise(2_000, channels=2, seed=1)
    found = VggishLogMel()(torch.nn.functional.pad(wave, (0, 20_000)))
    hann = [0.5 - 0.5 * np.cos(2 * np.pi * n / 400) for n in range(400)]
    for channel, step in ((0, 0), (0, 7), (1, 9)):
        piece = np.zeros(512)
        piece[:400] = wave[0, channel, 160 * step : 160 * step + 400].double().numpy() * hann
        magnitude = np.abs(np.exp(-2j * np.pi * np.outer(np.arange(257), np.arange(512)) / 512) @ piece)
        expected = np.log(magnitude @ mel_weights() + 0.01)
        np.testing.assert_allclose(found[0, channel, step].numpy(), expected, atol=1e-4)


def test_cavp_log_mel_of_a_slow_twin() -> None:
    """Windows centred at multiples of 160 samples, power, triangles straight over hertz, 20 log10 / 100."""
    wave = noise(3 * RATE, seed=2)
    found = CavpLogMel()(wave)
    assert found.shape == (1, 1, 300, 64)
    mirrored = np.pad(wave[0, 0].double().numpy(), 256, mode="reflect")
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    mels = np.linspace(2595 * np.log10(1 + 125 / 700), 2595 * np.log10(1 + 3800 / 700), 66)
    hertz = 700 * (10 ** (mels / 2595) - 1)
    for step in (0, 3, 150, 299):
        window = mirrored[160 * step : 160 * step + 512] * np.pad(hann, 56)
        power = np.abs(np.fft.rfft(window)) ** 2
        for band in (0, 1, 30, 63):
            rises, falls = hertz[band + 1] - hertz[band], hertz[band + 2] - hertz[band + 1]
            weights = [
                max(0.0, min((31.25 * k - hertz[band]) / rises, (hertz[band + 2] - 31.25 * k) / falls))
                for k in range(257)
            ]
            expected = 20 * np.log10(max(1e-5, float(power @ weights))) / 100
            assert found[0, 0, step, band].item() == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize(("samples", "steps"), [(3 * RATE, 300), (RATE, 96), (100, 96), (5 * RATE, 500)])
def test_steps_of_cavp(samples: int, steps: int) -> None:
    assert CavpLogMel()(noise(samples)).shape == (1, 1, steps, 64)


def test_every_band_of_both_banks_hears_something() -> None:
    assert (mel_bank(125, 3800, linear_in="hertz").max(0) > 0).all()
    assert (mel_bank(125, 7500, linear_in="mel").max(0) > 0).all()


def test_silence() -> None:
    """Both floors: ln 0.01, and 20 log10(1e-5) / 100 = -1; no level, no phase."""
    silence = torch.zeros(1, 2, RATE)
    assert VggishLogMel()(silence).allclose(torch.tensor(0.01).log())
    assert CavpLogMel()(silence).allclose(torch.tensor(-1.0))
    for front in FRONT_ENDS:
        assert not front("level+phase")(silence)[:, 2:].any()


@pytest.mark.parametrize("front", FRONT_ENDS)
@pytest.mark.parametrize("position", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_level_is_the_position_under_the_linear_law(front: type[FrontEnd], position: float) -> None:
    sound = tone(440) * 0.5
    picture = front("level")(torch.stack([(1 - position) * sound, position * sound])[None])[0, 2]
    loud = front()(sound[None, None])[0, 0] > (0.0 if front is VggishLogMel else 0.2)  # far above both floors
    assert loud.any()
    tolerance = 0.02  # VGGish's offset of 0.01, in bands of 1 and more
    torch.testing.assert_close(picture[loud], torch.full_like(picture[loud], 2 * position - 1), atol=tolerance, rtol=0)


@pytest.mark.parametrize("front", FRONT_ENDS)
def test_phase_is_the_delay_of_a_tone(front: type[FrontEnd]) -> None:
    """500 Hz, the left channel 8 samples (a quarter of a period) late: the right is ahead, cosine 0, sine 1."""
    sound = tone(500, RATE + 8)
    cosine, sine = front("level+phase")(torch.stack([sound[:-8], sound[8:]])[None])[0, 3:]
    band = int(front()(sound[None, None])[0, 0, 50].argmax())
    assert cosine[50, band].abs() < 0.01 and sine[50, band] > 0.99
    same = front("level+phase")(torch.stack([sound, 0.3 * sound])[None])[0, 3:, 50, band]
    torch.testing.assert_close(same, torch.tensor([1.0, 0.0]), atol=1e-3, rtol=0)


@settings(max_examples=15)
@given(
    seed=st.integers(0, 2**32 - 1),
    loudness=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    front=st.sampled_from(FRONT_ENDS),
    delay=st.integers(0, 40),
)
def test_exchanged_channels(seed: int, loudness: tuple[float, float], front: type[FrontEnd], delay: int) -> None:
    """Left and right exchange, level and sine change their sign, the cosine stays; level and phase are bounded by 1."""
    wave = noise(RATE // 2, channels=2, seed=seed) * torch.tensor(loudness)[None, :, None]
    wave[:, 1] += wave[:, 0].roll(delay)
    net = front("level+phase")
    found, exchanged = net(wave)[0], net(wave.flip(1))[0]
    signs = torch.tensor([1.0, 1.0, -1.0, 1.0, -1.0])[:, None, None]
    torch.testing.assert_close(exchanged, found[[1, 0, 2, 3, 4]] * signs, atol=1e-5, rtol=0)
    assert found[2:].abs().max() <= 1 + 1e-5
    assert (found[3:].square().sum(0) <= 1 + 1e-4).all()


@pytest.mark.parametrize("front", FRONT_ENDS)
def test_first_pictures_are_the_channels(front: type[FrontEnd]) -> None:
    """Each channel is what it is alone, whatever comes beside it; sounds of a batch don't meet."""
    wave = noise(RATE, channels=2, batch=2, seed=5)
    for stereo, more in STEREO.items():
        found = front(stereo)(wave)
        assert found.shape[1] == 2 + more
        torch.testing.assert_close(found[1:, 1:2], front()(wave[1:, 1:]), atol=1e-6, rtol=0)


@pytest.mark.parametrize("front", FRONT_ENDS)
def test_float32_under_autocast(front: type[FrontEnd]) -> None:
    wave = noise(RATE, channels=2)
    net = front("level+phase")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = net(wave)
    assert found.dtype == torch.float32
    assert torch.equal(found, net(wave))
    assert not net.state_dict()  # constants: they aren't in checkpoints


def test_examples() -> None:
    """250 steps are two examples; the third repeats the second, or is zero."""
    log_mels = torch.arange(250.0)[None, None, :, None].expand(1, 2, 250, 64)
    found = vggish_examples(log_mels, 3)
    assert found.shape == (1, 3, 2, 96, 64)
    assert found[0, :, 1, 0, 0].tolist() == [0, 96, 96] and found[0, 1, 0, -1, 5] == 191
    assert vggish_examples(log_mels, 3, "zeros")[0, :, 0, 95, 0].tolist() == [95, 191, 0]
    assert vggish_examples(log_mels, 1).shape == (1, 1, 2, 96, 64)
    published = noise(3 * RATE)
    expected = fit_examples(log_mel(published[0, 0].numpy()), 5)
    assert np.abs(vggish_examples(VggishLogMel()(published), 5)[0].numpy() - expected).max() < 1e-4


def test_sound_too_short_for_an_example() -> None:
    wave = noise(1_000)
    expected = log_mel(wave[0, 0].numpy(), seconds=2)
    assert np.abs(vggish_examples(VggishLogMel()(wave), 2)[0].numpy() - expected).max() < 1e-4


def test_what_can_not_be() -> None:
    with pytest.raises(ValueError, match="found stereo 'wide', expected one of plain, level, level"):
        CavpLogMel("wide")
    with pytest.raises(ValueError, match=r"'level' needs 2 channels, found 1: \(1, 1, 16000\)"):
        VggishLogMel("level")(noise(RATE))
    with pytest.raises(
        ValueError, match=r"expected float \(batch, channels, samples\), found torch.float32 \(1, 16000\)"
    ):
        CavpLogMel()(noise(RATE)[0])
    with pytest.raises(ValueError, match=r"found torch.int16"):
        CavpLogMel()(noise(RATE).short())
    for log_mels, count, missing in (
        (torch.zeros(1, 1, 95, 64), 1, "repeat"),
        (torch.zeros(1, 1, 96, 64), 0, "repeat"),
    ):
        with pytest.raises(ValueError, match="expected"):
            vggish_examples(log_mels, count, missing)
    with pytest.raises(ValueError, match="'mirror'"):
        vggish_examples(torch.zeros(1, 1, 96, 64), 2, "mirror")
