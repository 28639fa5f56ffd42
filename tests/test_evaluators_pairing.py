"""Which prediction belongs to which frame, and everything that doesn't fit, by name."""

from __future__ import annotations

import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_files import ground_truth, picture, video

from evaluators.ground_truth import GroundTruth, GtFrame, GtSample
from evaluators.pairing import Pairing, pair

TWO = ground_truth("mask", video("a"), video("b"))
IMAGES = ground_truth("labels", picture("000000000139"), picture("000000000285"))


def frames(video: str, first: int, last: int, form: str = "{v}_{n}.png") -> list[str]:
    return [form.format(v=video, n=number) for number in range(first, last + 1)]


def reasons(pairing: Pairing) -> list[str]:
    return sorted(problem.reason for problem in (*pairing.missing, *pairing.extra, *pairing.ambiguous))


def assert_clean(pairing: Pairing) -> None:
    assert not (pairing.missing or pairing.extra or pairing.ambiguous)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize(
    "form",
    [
        "{v}_{n}.png",
        "{v}/{v}_{n}.npy",
        "{v}/{n}.PNG",
        "{v}/{n:05d}.png",
        "run1/deep/test/{v}/{v}_{n}.npz",
        "x/{v}_{n}.png",
    ],
)
def test_frames_counted_from_0_or_from_1(form: str, first: int) -> None:
    """The official code writes 0 to 4 for the ground truths 1 to 5; matched by name, every frame would be one off."""
    files = frames("a", first, first + 4, form) + frames("b", first, first + 4, form)
    pairing = pair(TWO, sorted(files))
    assert_clean(pairing)
    assert pairing.numbering == first
    assert [one.sample.id for one in pairing.pairs] == ["a", "b"]
    assert pairing.pairs[1].files == tuple(files[5:])


def test_images() -> None:
    files = ["000000000285.png", "run/mask/000000000139.npy"]
    pairing = pair(IMAGES, files)
    assert_clean(pairing)
    assert [one.files for one in pairing.pairs] == [(files[1],), (files[0],)]
    assert pairing.numbering == 0


def test_the_longest_end_of_a_path_decides() -> None:
    """An image of one number in two settings: the setting's folder tells them apart."""
    samples = [
        GtSample(f"{setting}_7", (GtFrame(0, f"{setting}/7.png", names=(f"{setting}/7", f"{setting}_7")),))
        for setting in ("ms", "msmi")
    ]
    gt = ground_truth("labels", *samples)
    pairing = pair(gt, ["run/ms/7.png", "run/msmi/7.png"])
    assert [one.files for one in pairing.pairs] == [("run/ms/7.png",), ("run/msmi/7.png",)]
    assert reasons(pair(gt, ["7.png", "ms_7.png", "msmi_7.png"])) == ["pred-extra"]


def test_a_name_of_two_samples_is_ambiguous() -> None:
    samples = [GtSample(id, (GtFrame(0, f"{id}/7.png", names=(f"{id}/7", "7")),)) for id in ("a", "b")]
    pairing = pair(ground_truth("mask", *samples), ["7.png", "a/7.png", "b/7.png"])
    assert [(problem.where, problem.reason) for problem in pairing.ambiguous] == [("7.png", "pred-ambiguous")]
    assert "a and b" in str(pairing.ambiguous[0])


def test_missing_frames_and_samples_are_named_as_they_should_be() -> None:
    """Case 67."""
    files = frames("a", 1, 5)
    del files[2]
    pairing = pair(TWO, files)
    assert [problem.where for problem in pairing.missing] == ["a/a_3", "b"]
    assert "b/b_1.png and b/b_5.png" in str(pairing.missing[1])
    assert reasons(pairing) == ["pred-missing"] * 2
    assert pairing.pairs[0].files == ("a_1.png", "a_2.png", "", "a_4.png", "a_5.png")
    assert pairing.pairs[1].files == ("",) * 5
    assert [problem.where for problem in pair(IMAGES, ["000000000139.png"]).missing] == ["mask/000000000285"]


def test_extra_files_are_named() -> None:
    """Case 68: of no sample, of no frame, in other letters."""
    files = [*frames("a", 0, 5), *frames("b", 0, 4), "c_0.png", "a.png", "a_x.png", "A_0.png", "a_99999999999.png"]
    pairing = pair(TWO, files, numbering=0)
    assert sorted(problem.where for problem in pairing.extra) == sorted(["a_5.png", *files[11:]])
    assert "frames go from 0 to 4" in next(str(problem) for problem in pairing.extra if problem.where == "a_5.png")
    assert not pairing.missing and not pairing.ambiguous


@pytest.mark.parametrize(
    "twice",
    [
        ["a_0.npy"],  # case 69
        ["a/a_0.png"],
        ["a_00.png"],
        ["run2/a_0.png"],
        ["a.npy"],
        ["a.npz", "a.npy"],
    ],
)
def test_two_predictions_for_one_frame(twice: list[str]) -> None:
    pairing = pair(TWO, sorted([*frames("a", 0, 4), *frames("b", 0, 4), *twice]))
    assert set(reasons(pairing)) == {"pred-ambiguous"}
    assert any(name in str(pairing.ambiguous[0]) for name in twice) and "keep one" in str(pairing.ambiguous[0])


def test_one_array_with_all_frames() -> None:
    pairing = pair(TWO, ["a.npy", "deep/b.npz"])
    assert_clean(pairing)
    assert [(one.array_file, one.files) for one in pairing.pairs] == [("a.npy", ("",) * 5), ("deep/b.npz", ("",) * 5)]
    assert reasons(pair(TWO, ["a.png", "b.npy"])) == ["pred-extra", "pred-missing"]  # a PNG holds one frame


def test_the_array_of_a_video_of_one_frame_is_that_frame() -> None:
    pairing = pair(ground_truth("mask", video("a", frames=1)), ["a.npy"])
    assert_clean(pairing)
    assert pairing.pairs[0].files == ("a.npy",) and not pairing.pairs[0].array_file


def test_a_video_that_is_named_like_a_frame() -> None:
    """`v_1.npy` may be frame 1 of v or all frames of v_1."""
    gt = ground_truth("mask", video("v"), video("v_1"))
    pairing = pair(gt, [*frames("v", 2, 5), "v_1.npy", *frames("v_1", 1, 5)])
    assert [(problem.where, problem.reason) for problem in pairing.ambiguous] == [("v_1.npy", "pred-ambiguous")]
    assert_clean(pair(gt, [*frames("v", 1, 5), *frames("v_1", 1, 5)]))


def mixed(*files: str) -> list[str]:
    return [problem.reason for problem in pair(TWO, files).ambiguous]


def test_numbering_is_one_decision_for_the_folder() -> None:
    assert mixed(*frames("a", 0, 4), *frames("b", 1, 5)) == ["numbering-mixed"]
    assert mixed(*frames("a", 0, 5)) == ["numbering-mixed"]  # both in one video
    assert mixed(*frames("a", 1, 4), *frames("b", 1, 4)) == ["numbering-unknown"]
    assert mixed(*frames("a", 1, 4), *frames("b", 1, 5)) == []  # b shows it for both
    assert mixed(*frames("a", 1, 4), *frames("b", 0, 3)) == []
    assert mixed("a.npy", "b.npy") == []


def test_an_unsure_numbering_pairs_nothing_but_names_all_other_trouble() -> None:
    pairing = pair(TWO, [*frames("a", 1, 4), "zebra.png"])
    assert not pairing.pairs and not pairing.missing
    assert reasons(pairing) == ["numbering-unknown", "pred-extra"]
    assert "a_1.png" in str(pairing.ambiguous[0]) and "--numbering" in str(pairing.ambiguous[0])


@pytest.mark.parametrize(("numbering", "missing"), [(0, "a/a_0"), (1, "a/a_5")])
def test_numbering_that_is_told(numbering: int, missing: str) -> None:
    pairing = pair(ground_truth("mask", video("a")), frames("a", 1, 4), numbering)
    assert pairing.numbering == numbering
    assert [problem.where for problem in pairing.missing] == [missing]


def test_more_frames_than_have_a_gt() -> None:
    """Training videos of S4 have one mask; a frame 0, or none, shows how the five predictions are counted."""
    gt = ground_truth("mask", video("a", frames=1))
    for first in (0, 1):
        pairing = pair(gt, frames("a", first, first + 4))
        assert pairing.numbering == first and pairing.pairs[0].files == (f"a_{first}.png",)
        assert reasons(pairing) == ["pred-extra"] * 4


PADDED = ground_truth("labels", video("a", padded=5))


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("count", [5, 10])
def test_frames_that_the_official_loader_adds(first: int, count: int) -> None:
    files = frames("a", first, first + count - 1)
    pairing = pair(PADDED, sorted(files))
    assert_clean(pairing)
    assert pairing.numbering == first
    assert pairing.pairs[0].files == tuple(files[:5]) and pairing.pairs[0].padded == tuple(files[5:])


def test_some_of_the_added_frames() -> None:
    pairing = pair(PADDED, frames("a", 0, 7))
    assert pairing.pairs[0].padded == ("a_5.png", "a_6.png", "a_7.png", "", "")
    assert reasons(pairing) == ["pred-missing"] * 2
    assert reasons(pair(PADDED, frames("a", 1, 9))) == ["numbering-unknown"]  # frame 0 missing, or the last


def test_accents_may_be_composed_or_not() -> None:
    name = "Zoë_日"
    gt = ground_truth("mask", video(unicodedata.normalize("NFD", name)))
    composed = unicodedata.normalize("NFC", name)
    assert_clean(pair(gt, frames(composed, 0, 4)))
    both = [*frames(composed, 0, 4), *frames(unicodedata.normalize("NFD", name), 0, 4)]
    assert reasons(pair(gt, both)) == ["pred-ambiguous"] * 5


def test_a_number_in_the_middle_of_a_name() -> None:
    sample = GtSample("a", tuple(GtFrame(k, f"{k}.png", names=("a/frame{}_mask",)) for k in range(3)))
    pairing = pair(ground_truth("mask", sample), frames("a", 1, 3, "{v}/frame{n}_mask.png"))
    assert_clean(pairing)
    assert pairing.numbering == 1


def test_odd_names_harm_nothing() -> None:
    odd = ["{}.png", "a_{}.png", "a_.png", "_.png", "a/.png", "\u0663.png", "a_\u0663.png", "a_-1.png", "..png"]
    pairing = pair(TWO, [*odd, *frames("a", 0, 4), *frames("b", 0, 4)])
    assert sorted(problem.where for problem in pairing.extra) == sorted(odd)
    assert not pairing.missing and not pairing.ambiguous


def test_no_files_and_no_samples() -> None:
    assert reasons(pair(TWO, [])) == ["pred-missing"] * 2
    assert pair(ground_truth("mask"), ["a.png"]).pairs == ()


def twin(gt: GroundTruth, files: list[str], first: int) -> dict[str, list[str]]:
    """Pairs by trying every name of every frame with every file, as slow as it gets."""
    found = {}
    for sample in gt.samples:
        for frame in sample.frames:
            wanted = {name.replace("{}", str(frame.number + first)) for name in frame.names}
            found[frame.mask_file] = [
                file for file in files if any(f"/{file[:-4]}".endswith(f"/{name}") for name in wanted)
            ]
    return found


@given(st.data())
def test_pairs_twin(data: Any) -> None:
    first = data.draw(st.integers(0, 1))
    forms = st.sampled_from(["{v}_{n}.png", "{v}/{v}_{n}.npy", "x/{v}/{n}.png", "y/{v}_{n}.png", "{v}-{n}.png"])
    numbers = [(v, n) for v in "ab" for n in range(first, first + 5)]
    files = [data.draw(forms).format(v=v, n=n) for v, n in numbers if data.draw(st.booleans())]
    pairing = pair(TWO, files, first)
    expected = twin(TWO, files, first)
    for one in pairing.pairs:
        for frame, file in zip(one.sample.frames, one.files, strict=True):
            assert expected[frame.mask_file] == ([file] if file else [])
    assert sorted(problem.where for problem in pairing.extra) == sorted(file for file in files if "-" in file)


def test_large_sets_are_paired_fast() -> None:
    """740 videos of 5 frames; 30 ms."""
    gt = ground_truth("mask", *(video(f"v{number:03d}", folder="test/dog/") for number in range(740)))
    files = [f"run/{one.id}/{one.id}_{number}.png" for one in gt.samples for number in range(5)]
    start = time.process_time()
    assert_clean(pair(gt, files))
    assert time.process_time() - start < 0.25


def test_a_name_of_two_samples_with_one_mask_serves_both() -> None:
    samples = tuple(
        GtSample(id, (GtFrame(0, "MS/mask/7.png", names=("MS/mask/7", f"{id}/7")),)) for id in ("ms", "msmi")
    )
    paired = pair(GroundTruth(Path(), "vpo", "labels", samples), ["MS/mask/7.png"])
    assert [one.files for one in paired.pairs] == [("MS/mask/7.png",)] * 2 and not paired.ambiguous
    apart = pair(GroundTruth(Path(), "vpo", "labels", samples), ["ms/7.png", "msmi/7.png"])
    assert [one.files for one in apart.pairs] == [("ms/7.png",), ("msmi/7.png",)]
