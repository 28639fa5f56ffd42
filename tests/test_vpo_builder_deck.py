from __future__ import annotations

from worlds import clip, clips

from vpo_builder.deck import Deck

TRAIN = {clip.clip.video_id: "train" for clip in clips("dog", 9)}


def deck(count: int, uses: int = 1) -> Deck:
    return Deck(clips("dog", count), TRAIN, uses, 0, "ms")


def test_no_clip_is_dealt_twice_within_the_budget() -> None:
    four = deck(4)
    dealt = [found[0].clip.id for _ in range(4) if (found := four.deal("dog", "train", 1))]
    assert len(set(dealt)) == 4
    assert four.deal("dog", "train", 1) is None


def test_all_are_dealt_once_before_any_is_dealt_again() -> None:
    twice = deck(3, uses=2)
    dealt = [found[0].clip.id for _ in range(6) if (found := twice.deal("dog", "train", 1))]
    assert len(set(dealt[:3])) == 3 and sorted(dealt[:3]) == sorted(dealt[3:])
    assert twice.deal("dog", "train", 1) is None


def test_two_sources_get_clips_of_two_videos() -> None:
    same_video = [clip("aaaaaaaaaaa", "dog", start=s) for s in (0, 10)]
    pile = Deck(same_video, {"aaaaaaaaaaa": "train"}, 1, 0, "msmi")
    assert pile.deal("dog", "train", 2) is None
    assert pile.left("dog", "train") == 2, "nothing is dealt where there are too few"


def test_a_video_to_avoid_is_passed_over_and_stays() -> None:
    pile = deck(2)
    first = pile.deal("dog", "train", 1)
    other = deck(2).deal("dog", "train", 1, avoid={first[0].clip.video_id} if first else ())
    assert first and other and first != other


def test_labels_take_turns() -> None:
    members = [clip(f"b{n:010d}", "dog", label="dog barking") for n in range(8)] + [
        clip(f"h{n:010d}", "dog", label="dog howling") for n in range(2)
    ]
    pile = Deck(members, {c.clip.video_id: "train" for c in members}, 1, 0, "ms")
    labels = [found[0].clip.label for _ in range(4) if (found := pile.deal("dog", "train", 1))]
    assert labels.count("dog howling") == 2


def test_splits_have_decks_of_their_own() -> None:
    pile = Deck(
        clips("dog", 2),
        {c.clip.video_id: s for c, s in zip(clips("dog", 2), ("train", "test"), strict=True)},
        1,
        0,
        "ss",
    )
    assert pile.left("dog", "train") == pile.left("dog", "test") == 1
