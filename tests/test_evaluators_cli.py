"""`avs-eval` as a user gives it: folders in, a report or every problem at once out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from mini_avsbench import write_avss, write_s4
from PIL import Image

from evaluators.cli import main
from evaluators.ground_truth import open_ground_truth


def run(*words: object, code: int = 0) -> Result:
    given = [str(word) for word in words]
    if given[0] not in main.commands or given[0] == "listen":  # type: ignore[attr-defined]
        given += ["--workers", "1"]
    result = CliRunner().invoke(main, given)
    assert result.exit_code == code, result.output
    return result


def pixels(path: Path) -> np.ndarray:
    """The stored values of a PNG."""
    with Image.open(path) as image:
        return np.array(image)


def measures(path: Path, protocol: str = "avs") -> dict[str, float]:
    rows = json.loads(path.read_text())["protocols"]
    return next(row["measures"] for row in rows if row["name"] == protocol)


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    """Three videos of two frames, 8 x 8: a box that moves; predictions p = 0.9 on the box and 0.1 elsewhere."""
    for video in "abc":
        for frame in (1, 2):
            gt = np.zeros((8, 8), np.uint8)
            gt[frame : frame + 3, ord(video) - 96 : ord(video) - 93] = 255
            for part, values in (("gt", gt), ("preds", np.where(gt, 230, 25).astype(np.uint8))):
                path = tmp_path / part / video / f"{video}_{frame}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(values).save(path)
    return tmp_path


def test_soft_maps(masks: Path) -> None:
    out = masks / "a.json"
    text = run(masks / "preds", masks / "gt", "--json", out).output
    assert measures(out) == {"J": 1.0, "F": 1.0, "J&F": 1.0, "FDR": 0.0, "pred area": 9 / 64}
    assert "soft masks (8-bit)" in text and "EVERY PREDICTION EQUALS ITS GROUND TRUTH" in text
    assert "3 samples, 6 frames" in text


def test_the_gt_against_itself_is_told_loudly(masks: Path) -> None:
    assert "ARE THE SAME FOLDER" in run(masks / "gt", masks / "gt").output
    copy = masks / "copy"
    for path in (masks / "gt").rglob("*.png"):
        (copy / path.parent.name).mkdir(parents=True, exist_ok=True)
        (copy / path.parent.name / path.name).write_bytes(path.read_bytes())
    assert "byte for byte" in run(copy, masks / "gt").output


@pytest.mark.parametrize("form", ("mask", "sixteen", "soft", "logits", "two-channel", "zero-based", "one-array"))
def test_all_forms_score_alike(masks: Path, form: str) -> None:
    other = masks / "other"
    other.mkdir()
    for video in "abc":
        frames = [
            np.asarray(Image.open(masks / "preds" / video / f"{video}_{n}.png")) / np.float32(255) for n in (1, 2)
        ]
        if form == "one-array":
            np.save(other / f"{video}.npy", np.stack(frames).astype(np.float32))
            continue
        for number, soft in enumerate(frames, 1 - (form == "zero-based")):
            name = f"{other}/{video}_{number}"
            logit = np.log(soft / (1 - soft)).astype(np.float32)
            if form == "soft":
                np.save(f"{name}.npy", soft.astype(np.float32))
            elif form == "logits":
                np.save(f"{name}.npy", logit)
            elif form == "two-channel":
                np.savez(f"{name}.npz", np.stack([np.zeros_like(logit), logit])[None])
            else:
                stored = {
                    "mask": np.uint8((soft > 0.5) * 255),
                    "sixteen": np.uint16(soft * 65535),
                    "zero-based": np.uint8(soft * 255 + 0.5),
                }
                Image.fromarray(stored[form]).save(f"{name}.png")
    run(other, masks / "gt", "--json", masks / "a.json")
    assert measures(masks / "a.json")["J"] == 1.0


def spoil(preds: Path) -> None:
    (preds / "a" / "a_1.png").unlink()
    (preds / "b" / "b_9.png").write_bytes((preds / "b" / "b_1.png").read_bytes())
    np.save(preds / "b" / "b_1.npy", np.zeros((8, 8), np.float32))
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(preds / "b" / "b_2.png")
    (preds / "c" / "c_1.png").write_bytes(b"not a picture")
    (preds / "c" / "c_3.jpg").write_bytes(b"")


def test_every_problem_is_listed_at_once(masks: Path) -> None:
    spoil(masks / "preds")
    output = run(masks / "preds", masks / "gt", "--numbering", "1", "--kind", "soft", code=1).output
    for words in (
        "[pred-missing]", "b/b_9.png", "[pred-extra]", "[pred-ambiguous]", "4 x 4 and 8 x 8", "[pred-size]",
        "c/c_1.png", "[pred-unreadable]", "c/c_3.jpg", "nothing was scored",
    ):  # fmt: skip
        assert words in output
    assert "Traceback" not in output


def test_flags_change_what_is_scored_and_are_recorded(masks: Path) -> None:
    preds, out = masks / "preds", masks / "a.json"
    (preds / "a" / "a_1.png").unlink()
    Image.fromarray(np.full((16, 16), 230, np.uint8)).save(preds / "b" / "b_2.png")
    (preds / "c" / "c_1.png").write_bytes(b"not a picture")
    flags = ("--missing", "zero", "--resize", "nearest", "--invalid", "skip", "--numbering", "1")
    run(preds, masks / "gt", *flags, "--json", out)
    result = json.loads(out.read_text())
    assert result["flags"] == {"missing": "zero", "invalid": "skip", "resize": "nearest", "numbering": "1"}
    counts = result["counts"]
    assert (counts["missing predictions"], counts["resized predictions"], counts["skipped frames"]) == (1, 1, 1)
    # a: nothing and all right; b: all right and all foreground; c: the one frame left is right
    assert measures(out)["J"] == pytest.approx((0.5 + (1 + 9 / 64) / 2 + 1) / 3)


def test_any_number_of_workers_gives_the_same_result(masks: Path) -> None:
    texts = []
    for workers in ("1", "2", "3"):
        out = masks / f"{workers}.json"
        command = [sys.executable, "-m", "evaluators.cli", masks / "preds", masks / "gt", "--protocol", "all"]
        subprocess.run([*command, "--workers", workers, "--json", out, "--quiet"], check=True, capture_output=True)
        texts.append({**json.loads(out.read_text()), "created": ""})
    assert texts[0] == texts[1] == texts[2]


def test_a_dataset_of_videos(tmp_path: Path) -> None:
    root = write_s4(tmp_path / "s4")
    gt = open_ground_truth(root)
    for sample in gt.samples:
        for frame in sample.frames:  # counted from 0, as official code saves them
            values = np.uint8(pixels(gt.root / frame.mask_file) > 0)
            path = tmp_path / "preds" / sample.category / f"{sample.id}_{frame.number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(path)
    out = tmp_path / "a.json"
    text = run(
        tmp_path / "preds", root, "--json", out, "--by", "class", "--by", "size", "--csv", tmp_path / "a.csv"
    ).output
    assert measures(out)["J"] == 1 and "by class" in text and "s4" in text
    assert (tmp_path / "a.csv").read_text().startswith('"protocol","sample","measure","value"')


def test_added_frames_of_avss(tmp_path: Path) -> None:
    """Without predictions for the frames that the loader adds, the official protocol is not computed; the others are."""
    root = write_avss(tmp_path / "avss")
    gt = open_ground_truth(root)
    for sample in gt.samples:
        masks = [pixels(gt.root / frame.mask_file) for frame in sample.frames]
        masks += [np.zeros_like(masks[0])] * sample.padded_frames
        for number, values in enumerate(masks):
            for part in ("all", "own")[: 2 if number < len(sample.frames) else 1]:
                path = tmp_path / part / sample.id / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(values).save(path)
    chosen = ("--protocol", "avsbench-semantic", "--protocol", "combo-semantic", "--labels", "index")
    run(tmp_path / "own", root, *chosen, "--json", tmp_path / "own.json")
    own = json.loads((tmp_path / "own.json").read_text())["protocols"]
    assert "have no predictions for them" in own[0]["missing"] and own[1]["measures"]["J present"] == 1
    run(tmp_path / "all", root, *chosen, "--json", tmp_path / "all.json")
    assert measures(tmp_path / "all.json", "avsbench-semantic")["J present"] == 1


def test_compare_listen_and_pages(masks: Path) -> None:
    for name in ("base", "silence"):
        for path in (masks / "preds").rglob("*.png"):
            values = pixels(path) // (1 if name == "base" else 9)
            target = masks / "both" / name / path.parent.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(target)
        run(masks / "both" / name, masks / "gt", "--kind", "soft", "--json", masks / f"{name}.json")
    text = run("compare", masks / "base.json", masks / "silence.json").output
    assert "base" in text and "-100.00" in text
    assert run("compare", masks / "base.json", masks / "silence.json", "--format", "latex").output.count("toprule") == 1
    heard = run("listen", masks / "both", masks / "gt", "--kind", "soft", "--figure", masks / "a.svg").output
    assert "J falls by 100.0" in heard and (masks / "a.svg").read_text().startswith("<svg")
    assert "expected base" in run("listen", masks / "gt", masks / "gt", code=2).output
    page = masks / "page"
    run(masks / "preds", masks / "gt", "--worst", "2", "--worst-page", page)
    assert (page / "index.html").read_text().count("<article") == 2


def test_listen_asks_for_the_samples_of_each_variant(make_toy_dataset: Callable[..., Any], tmp_path: Path) -> None:
    gt, samples, _ = make_toy_dataset(tmp_path / "gt", variants=("silence",))
    tested = [sample for sample in samples if sample.split == "test"]
    left_out, manifest = tested[0], gt / "variants/silence/manifest.jsonl"
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(line for line in lines if json.loads(line)["id"] != left_out.id))
    for name, wanted in (("base", tested), ("silence", tested[1:])):
        for sample in wanted:
            target = tmp_path / "preds" / name / sample.mask_file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((gt / sample.mask_file).read_bytes())
    heard = run("listen", tmp_path / "preds", gt, "--json", tmp_path / "heard.json").output
    assert f"silence        {len(tested) - 1}" in heard and "1 sample of the base is not in it" in heard
    (tmp_path / "preds/silence" / tested[1].mask_file).unlink()
    assert "there is no prediction for this frame" in run("listen", tmp_path / "preds", gt, code=1).output


@pytest.mark.parametrize(
    ("words", "code", "told"),
    (
        (("preds", "gt", "--protocol", "avsbench-objct"), 2, "did you mean avsbench-object"),
        (("preds", "nowhere"), 2, "does not exist"),
        (("preds", "gt", "--split", "val"), 2, "split"),
        (("preds", "gt", "--layout", "vpo"), 2, "vpo"),
        (("compare", "preds/a/a_1.png"), 1, "result-unreadable"),
        (("protocols", "nothing"), 2, "no protocol 'nothing'"),
    ),
)
def test_wrong_use_is_one_line(
    masks: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: int, told: str
) -> None:
    monkeypatch.chdir(masks)
    output = run(*words, code=code).output
    assert told in output and "Traceback" not in output
    assert code == 2 or len(output.strip().splitlines()) == 1


def test_protocols_are_listed() -> None:
    text = run("protocols").output
    assert "avsbench-object v1" in text and "settings: batch=4, cut=0.4" in run("protocols", "refavs").output


def test_a_reader_that_has_enough_is_no_failure() -> None:
    command = [sys.executable, "-m", "evaluators.cli", "protocols"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def loaded(code: str, cwd: Any = None) -> set[str]:
    line = f"import sys; {code}; print(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True, cwd=cwd)
    return set(done.stdout.splitlines()[-1].split())


def test_help_and_a_plain_run_import_nothing_heavy(masks: Path) -> None:
    heavy = {"scipy", "pandas", "torch", "mir_eval", "soundfile", "pycocotools", "av"}
    assert not loaded("import evaluators.cli") & (heavy | {"numpy", "PIL", "rich"})
    command = (
        "from evaluators.cli import main; main(['preds', 'gt', '--workers', '1', '--quiet'], standalone_mode=False)"
    )
    assert not loaded(command, masks) & heavy
