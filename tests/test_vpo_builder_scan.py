from __future__ import annotations

from dataclasses import replace

from worlds import candidate

from vpo_builder.scan import without_twins


def test_of_two_images_with_the_same_bytes_the_first_is_used() -> None:
    one, two, three = (candidate(number, ["dog"]) for number in (1, 2, 3))
    twin = replace(three, picture=replace(three.picture, sha256=one.picture.sha256))
    kept, rejections = without_twins([one, two, twin])
    assert kept == [one, two]
    assert [(r.item, r.reason) for r in rejections] == [("000000000003.jpg", "duplicate-image")]
