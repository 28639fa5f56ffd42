"""`avs-eval separation`: folders of wav, scored as the arrays are."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.io import wavfile

from evaluators.cli import main
from evaluators.engines import Engine
from evaluators.errors import DataError
from evaluators.progress import Progress
from evaluators.separation import bss_eval_sources
from evaluators.separation_folders import read_wav, score_separation, separation_table

RATE = 8000


def write(folder: Path, **sounds: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, sound in sounds.items():
        wavfile.write(folder / f"{name}.wav", RATE, sound.astype(np.float32))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two mixtures of two sources; of the first the estimates are a little noisy, of the second the sources themselves."""
    rng = np.random.default_rng(0)
    for name, noise in (("one", 0.1), ("two", 1e-4)):
        dog, horn = rng.normal(0, 0.1, (2, 4000))
        write(tmp_path / "gt" / name, dog=dog, horn=horn, mixture=dog + horn)
        wrong = noise * rng.normal(0, 0.1, (2, 4000))
        write(tmp_path / "preds" / name, dog=dog + wrong[0], horn=horn + wrong[1])
    return tmp_path / "preds", tmp_path / "gt"


def scored(folders: tuple[Path, Path], silent: str = "error") -> list:
    with Engine(1) as engine:
        return score_separation(*folders, silent, engine, Progress())


def test_files_are_scored_as_their_arrays(folders: tuple[Path, Path]) -> None:
    found = scored(folders)
    assert [(one.id, one.sources) for one in found] == [("one", ("dog", "horn")), ("two", ("dog", "horn"))]
    read = [
        np.stack([read_wav(folder / "one" / f"{name}.wav", "gt")[0] for name in ("dog", "horn")]) for folder in folders
    ]
    expected = bss_eval_sources(read[1], read[0])
    assert np.array_equal(found[0].scores.sdr, expected.sdr)
    assert found[0].scores.si_sdr == pytest.approx(20, abs=1)  # noise at a tenth of the level
    assert np.mean(found[0].mixture.si_sdr) == pytest.approx(0, abs=1)  # the other source is as loud


def test_channels_are_averaged_and_integers_keep_their_scale(tmp_path: Path) -> None:
    wavfile.write(tmp_path / "a.wav", RATE, np.array([[100, 300], [-2, 2]], np.int16))
    sound, rate = read_wav(tmp_path / "a.wav", "gt")
    assert (sound.tolist(), rate) == ([200.0, 0.0], RATE)


def test_the_command_prints_predictions_and_mixture_and_writes_rows(folders: tuple[Path, Path], tmp_path: Path) -> None:
    words = [str(folder) for folder in folders]
    result = CliRunner().invoke(main, ["separation", *words, "--csv", str(tmp_path / "rows.csv"), "--workers", "1"])
    assert result.exit_code == 0, result.output
    assert "predictions" in result.output and "mixture itself" in result.output
    lines = (tmp_path / "rows.csv").read_text().splitlines()
    assert lines[0] == '"mixture","source","SDR","SIR","SAR","SI-SDR"'
    assert len(lines) == 5 and lines[1].startswith('"one","dog",')


def test_everything_wrong_is_named_at_once(folders: tuple[Path, Path]) -> None:
    preds, gt = folders
    (preds / "one" / "dog.wav").unlink()
    wavfile.write(preds / "two" / "dog.wav", RATE, np.zeros(30, np.float32))
    (preds / "three").mkdir()
    (gt / "empty").mkdir()
    reasons = [problem.reason for one in scored(folders) for problem in one.problems]
    assert reasons == ["gt-incomplete", "pred-missing", "pred-extra", "pred-length"]
    result = CliRunner().invoke(main, ["separation", str(preds), str(gt), "--workers", "1"])
    assert result.exit_code == 1 and "one/dog.wav" in result.output and "three" in result.output


@pytest.mark.parametrize("content", (b"", b"RIFF", b"RIFF\x24\0\0\0WAVEfmt ", b"no wav at all" * 10))
def test_damaged_files_are_one_line(folders: tuple[Path, Path], content: bytes) -> None:
    shutil.rmtree(folders[1] / "two")
    shutil.rmtree(folders[0] / "two")
    (folders[0] / "one" / "dog.wav").write_bytes(content)
    (problem,) = [problem for one in scored(folders) for problem in one.problems]
    assert problem.reason == "pred-unreadable" and "dog.wav" in str(problem) and "\n" not in str(problem)


def test_silence_is_an_error_or_skipped_and_told(folders: tuple[Path, Path]) -> None:
    write(folders[1] / "one", dog=np.zeros(4000))
    (folders[1] / "two" / "mixture.wav").unlink()
    assert [one.problems[0].reason for one in scored(folders) if one.problems] == ["separation"]
    table = separation_table(scored(folders, "skip"), 0)
    assert table.rows[0][-1] == 1 and any("1 mixtures were skipped" in note for note in table.notes)


def test_folders_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="not-a-folder"):
        scored((tmp_path / "no", tmp_path / "empty"))
    with pytest.raises(DataError, match="empty-folder"):
        scored((tmp_path / "empty", tmp_path / "empty"))
