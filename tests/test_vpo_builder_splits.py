from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from worlds import candidate, clip

from vpo_builder.settings import Settings
from vpo_builder.splits import draw_share, image_splits, video_splits


def test_a_share_of_each_category_and_at_least_one_of_two() -> None:
    groups = {
        **{f"dog{n}": frozenset({"dog"}) for n in range(10)},
        "cat0": frozenset({"cat"}),
        "cat1": frozenset({"cat"}),
        "cow": frozenset({"cow"}),
    }
    chosen = draw_share(groups, 0.2, 0, "test")
    assert sum(name.startswith("dog") for name in chosen) == 2  # 0.2 * 10
    assert sum(name.startswith("cat") for name in chosen) == 1  # one of two
    assert "cow" not in chosen  # the only one stays in train


def test_no_share_takes_nothing() -> None:
    assert draw_share({"a": frozenset({"dog"}), "b": frozenset({"dog"})}, 0.0, 0, "test") == set()


def test_val2017_is_test_where_train2017_is_there_too() -> None:
    candidates = [
        candidate(1, ["dog"], split="train"),
        candidate(2, ["dog"], split="val"),
        candidate(3, ["cat"], split="train"),
    ]
    assert image_splits(candidates, Settings(), None) == {1: "train", 2: "test", 3: "train"}


def test_images_of_val2017_alone_are_split_by_share() -> None:
    splits = image_splits([candidate(n, ["dog"], split="val") for n in range(10)], Settings(test_fraction=0.2), None)
    assert sorted(splits.values()) == ["test"] * 2 + ["train"] * 8


def test_a_given_list_wins() -> None:
    candidates = [candidate(1, ["dog"], split="train"), candidate(2, ["dog"], split="val")]
    assert image_splits(candidates, Settings(), {"000000000001"}) == {1: "test", 2: "train"}


def test_a_video_is_in_one_split_with_all_its_clips() -> None:
    clips = [clip("aaaaaaaaaaa", "dog", start=s) for s in (0, 10)] + [
        clip("bbbbbbbbbbb", "dog", split="test"),
        clip("aaaaaaaaaaa", "cat", start=30),
    ]
    assert video_splits(clips, Settings(), None) == {"aaaaaaaaaaa": "train", "bbbbbbbbbbb": "test"}


def test_clips_of_the_official_test_list_alone_never_become_train() -> None:
    clips = [clip(f"{n:011d}", "dog", split="test") for n in range(5)]
    assert set(video_splits(clips, Settings(), None).values()) == {"test"}


def test_val_is_taken_from_train_only() -> None:
    clips = [clip(f"{n:011d}", "dog", split="test" if n < 5 else "train") for n in range(15)]
    splits = video_splits(clips, Settings(val_fraction=0.2), None)
    assert [splits[f"{n:011d}"] for n in range(5)] == ["test"] * 5
    assert sorted(splits.values()).count("val") == 2  # 0.2 * 10


@given(
    st.dictionaries(st.text(min_size=1, max_size=4), st.frozensets(st.sampled_from("abc"), min_size=1), max_size=12),
    st.integers(0, 5),
)
def test_the_order_of_the_groups_does_not_matter(groups: dict[str, frozenset[str]], seed: int) -> None:
    backwards = dict(reversed(list(groups.items())))
    assert draw_share(groups, 0.3, seed, "x") == draw_share(backwards, 0.3, seed, "x")
