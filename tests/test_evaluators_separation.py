"""SDR, SIR, SAR and SI-SDR: cases for the hand, slow twins, silence, and the official numbers."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.errors import DataError
from evaluators.separation import SeparationScores, bss_eval_sources, separation_measures, si_sdr

GOLDENS = sorted((Path(__file__).parents[2] / "shared" / "goldens").glob("sep_*.json"))
S = np.array([1.0, 1, -1, -1])
N = np.array([1.0, -1, 1, -1])  # orthogonal to S, of the same energy


def noise(sources: int = 2, samples: int = 1500, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(sources, samples))


def test_si_sdr_of_a_tenth_of_orthogonal_noise() -> None:
    assert si_sdr(S, S + 0.1 * N) == pytest.approx(20)  # energies 1 : 0.01
    assert si_sdr(S, S + N) == pytest.approx(0)
    assert si_sdr(S, 7 * (S + 0.1 * N)) == pytest.approx(20)  # whatever the level
    assert si_sdr(S, -(S + 0.1 * N)) == pytest.approx(20)


def test_an_offset_counts_unless_the_mean_is_removed() -> None:
    offset = S + 0.1 * N + 1  # S and N have mean 0; an offset of 1 has the energy of S
    assert si_sdr(S, offset) == pytest.approx(10 * math.log10(1 / 1.01))
    assert si_sdr(S, offset, remove_mean=True) == pytest.approx(20)
    assert si_sdr(S + 5, offset, remove_mean=True) == pytest.approx(20)


def test_si_sdr_where_something_is_silent() -> None:
    zero = np.zeros(4)
    assert math.isnan(si_sdr(zero, S)) and math.isnan(si_sdr(zero, zero))
    assert si_sdr(S, zero) == -math.inf
    assert si_sdr(S, N) == -math.inf
    assert si_sdr(S, S) == si_sdr(S, S / 4) == math.inf
    flat, rise = np.full(3, 0.1), np.array([1.0, 2, 4])  # the mean of three 0.1 is another number
    assert math.isnan(si_sdr(flat, rise, remove_mean=True))
    assert si_sdr(rise, flat, remove_mean=True) == -math.inf


@pytest.mark.parametrize("level", [1e-200, 1e200])
def test_si_sdr_at_levels_whose_squares_are_no_numbers(level: float) -> None:
    assert si_sdr(level * S, S + 0.1 * N) == pytest.approx(20)
    assert si_sdr(S, level * (S + 0.1 * N)) == pytest.approx(20)


def slow_si_sdr(s: list[float], e: list[float]) -> float:
    energy = dot = above = below = 0.0
    for x, y in zip(s, e, strict=True):
        energy += x * x
        dot += x * y
    for x, y in zip(s, e, strict=True):
        above += (dot / energy * x) ** 2
        below += (y - dot / energy * x) ** 2
    return 10 * math.log10(above / below)


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100))
@settings(max_examples=60)
def test_si_sdr_equals_its_slow_twin_at_any_level(seed: int, level: float) -> None:
    s, e = noise(samples=30, seed=seed)
    assert si_sdr(s, level * e) == pytest.approx(slow_si_sdr(s.tolist(), e.tolist()), abs=1e-6)
    centred = (list(x - sum(x) / len(x)) for x in (s, e))
    assert si_sdr(s, e + level, remove_mean=True) == pytest.approx(slow_si_sdr(*centred), abs=1e-6)


def test_means_over_sources_then_mixtures() -> None:
    """(0 + 10) / 2 = 5 and (1 + 2 + 3) / 3 = 2 give 3.5, though the mean of all five is 3.2."""

    def row(*values: float, skipped: str = "") -> SeparationScores:
        numbers = np.array(values)
        return SeparationScores(numbers, 2 * numbers, numbers + 1, -numbers, tuple(range(len(values))), skipped)

    rows = [row(0, 10), row(1, 2, 3), row(np.nan, np.nan, skipped="reference 0 is silent")]
    expected = {"SDR": 3.5, "SIR": 7, "SAR": 4.5, "SI-SDR": -3.5, "mixtures": 2, "skipped mixtures": 1}
    assert separation_measures(rows) == expected
    assert math.isnan(separation_measures(rows[2:])["SDR"]) and math.isnan(separation_measures([])["SAR"])
    assert math.isnan(separation_measures([row(np.nan, 1)])["SDR"])  # a NaN that isn't a skip shows


def test_silence_is_named() -> None:
    sound = noise()
    gap = sound * [[1], [0]]
    with pytest.raises(ValueError, match="reference 1 of 0 to 1 is silent"):
        bss_eval_sources(gap, sound)
    with pytest.raises(ValueError, match="estimate 1 of 0 to 1 is silent"):
        bss_eval_sources(sound, gap)
    scores = bss_eval_sources(gap, sound, silent="skip")
    assert scores.skipped == "reference 1 of 0 to 1 is silent" and np.isnan(scores.sdr).all()


def test_nearly_silent_is_skipped_as_sound_of_pixels_does() -> None:
    pytest.importorskip("mir_eval")
    sound, faint = noise(1, 600), np.zeros((1, 600))
    faint[0, :2] = 4e-6
    assert bss_eval_sources(sound, faint, silent="skip").skipped  # sum |x| = 8e-6
    assert not bss_eval_sources(sound, faint).skipped
    faint[0, 2] = 4e-6
    assert not bss_eval_sources(sound, faint, silent="skip").skipped


@pytest.mark.parametrize(
    ("reference", "estimate", "found"),
    [
        (noise().T, noise().T, "1500 sources of 2 samples; transpose"),
        (noise(), noise().T, r"\(2, 1500\) and estimate \(1500, 2\).*transposed"),
        (noise(), noise(3), r"estimate \(3, 1500\)"),
        (noise()[:, :0], noise()[:, :0], r"\(2, 0\)"),
        (noise()[None], noise()[None], r"\(1, 2, 1500\)"),
        (noise(), noise() * np.nan, "the estimate must be finite"),
        (noise() > 0, noise(), "the reference .* bool"),
        (noise(), noise() * 1j, "complex128"),
    ],
)
def test_wrong_calls_are_told_in_one_line(reference: Any, estimate: Any, found: str) -> None:
    with pytest.raises(ValueError, match=found) as error:
        bss_eval_sources(reference, estimate)
    assert "\n" not in str(error.value)


def test_other_wrong_calls() -> None:
    with pytest.raises(ValueError, match="error, skip"):
        bss_eval_sources(noise(), noise(), silent="zero")
    with pytest.raises(ValueError, match=r"\(2, 1500\), expected one source"):
        si_sdr(noise(), noise())


@pytest.mark.skipif(hasattr(np.linalg, "linalg"), reason="with numpy 1 mir_eval takes some solution in place of none")
def test_references_that_leave_nothing_to_solve_are_told() -> None:
    pytest.importorskip("mir_eval")
    with pytest.raises(ValueError, match="can't be told apart"):
        bss_eval_sources(noise() * 1e-200, noise())


def test_a_missing_mir_eval_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mir_eval.separation", None)
    with pytest.raises(DataError, match=r"pip install 'avskit\[separation\]' \[missing-package\]"):
        bss_eval_sources(noise(), noise())


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    code = "import sys, evaluators.separation, evaluators.localization; print({*sys.modules} & {'scipy', 'mir_eval', 'PIL'})"
    root = Path(__file__).parents[1]
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root).stdout
    assert told == "set()\n"


def slow_bss(reference: np.ndarray, estimate: np.ndarray, which: int, taps: int = 512) -> tuple[float, float, float]:
    """By the definition: least squares on all delayed copies, written out as a matrix."""

    def project(signals: np.ndarray) -> np.ndarray:
        columns = [np.pad(one, (delay, taps - 1 - delay)) for one in signals for delay in range(taps)]
        matrix = np.array(columns).T
        return matrix @ np.linalg.solve(matrix.T @ matrix, matrix.T @ padded)

    padded = np.pad(estimate, (0, taps - 1))
    target, all_sources = project(reference[which : which + 1]), project(reference)
    interference, artifacts = all_sources - target, padded - all_sources

    def decibel(above: np.ndarray, below: np.ndarray) -> float:
        return 10 * math.log10(sum(x * x for x in above.tolist()) / sum(x * x for x in below.tolist()))

    distortion = interference + artifacts
    return decibel(target, distortion), decibel(target, interference), decibel(target + interference, artifacts)


def test_bss_eval_equals_its_slow_twin() -> None:
    pytest.importorskip("mir_eval")
    reference = noise(samples=700)
    estimate = reference + 0.3 * reference[::-1] + 0.1 * noise(samples=700, seed=1)
    scores = bss_eval_sources(reference, estimate)
    for which in range(2):
        got = scores.sdr[which], scores.sir[which], scores.sar[which]
        assert got == pytest.approx(slow_bss(reference, estimate[which], which), abs=1e-6)


def test_level_and_delay_cost_nearly_nothing_but_order_does() -> None:
    pytest.importorskip("mir_eval")
    reference = noise(samples=4000)
    estimate = reference + 0.1 * noise(samples=4000, seed=1)  # 20 dB
    late = bss_eval_sources(reference, 3 * np.pad(estimate, ((0, 0), (5, 0)))[:, :4000])
    assert late.sdr == pytest.approx([20, 20], abs=2) and (late.si_sdr < 0).all()
    assert (bss_eval_sources(reference, estimate[::-1]).sdr < 0).all()
    found = bss_eval_sources(reference, estimate[::-1], best_order=True)
    assert found.order == (1, 0)
    assert found.sdr == pytest.approx([20, 20], abs=2) and found.si_sdr == pytest.approx([20, 20], abs=0.5)


def test_one_source_and_whole_numbers() -> None:
    pytest.importorskip("mir_eval")
    reference = (1000 * noise(1)[0]).astype(np.int16)
    estimate = reference + np.int16(7)
    scores = bss_eval_sources(reference, estimate)
    assert scores.order == (0,) and scores.sir.tolist() == [math.inf]  # nobody to interfere
    assert scores.sdr == pytest.approx(bss_eval_sources(reference / 1000, estimate / 1000).sdr, abs=1e-6)


def close(scores: SeparationScores, official: dict[str, Any]) -> bool:
    return all(
        getattr(scores, name) == pytest.approx([float(value) for value in official[name]], abs=1e-6)
        for name in ("sdr", "sir", "sar")
    )


@pytest.mark.skipif(not GOLDENS, reason="no golden cases here")
@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)
def test_official_numbers(path: Path) -> None:
    pytest.importorskip("mir_eval")
    expected = json.loads(path.read_text())["expected"]
    official = expected["bss_eval_sources"]
    rows, baseline = [], []
    with np.load(path.with_suffix(".npz"), allow_pickle=False) as data:
        for number, one in enumerate(official):
            reference, estimate, mixture = (data[f"{name}_{number}"] for name in ("ref", "est", "mix"))
            rows.append(bss_eval_sources(reference, estimate, silent="skip"))
            baseline.append(bss_eval_sources(reference, np.tile(mixture, (len(reference), 1)), silent="skip"))
            if "sdr" not in one:
                continue
            assert close(rows[-1], one)
            assert baseline[-1].sdr == pytest.approx(one["mixture_sdr"], abs=1e-6)
            if one["perm"]["perm"] == sorted(one["perm"]["perm"]):
                assert close(rows[-1], one["perm"])
            else:
                best = bss_eval_sources(reference, estimate, best_order=True)
                assert close(best, one["perm"]) and list(best.order) == one["perm"]["perm"]
    measures, average = separation_measures(rows), expected["sound_of_pixels_average"]
    assert [measures[name.upper()] for name in ("sdr", "sir", "sar")] == pytest.approx(
        [average[name] for name in ("sdr", "sir", "sar")], abs=1e-6
    )
    assert separation_measures(baseline)["SDR"] == pytest.approx(average["mixture_sdr"], abs=1e-6)
