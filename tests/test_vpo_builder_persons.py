"""Which persons are male, female or baby."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluators.errors import DataError
from vpo_builder.material import Annotation, ImageRecord
from vpo_builder.persons import kind_of_captions, label_persons, read_person_labels


def image(
    *annotations: Annotation, captions: tuple[str, ...] = ("A man sits.", "The man is on a bench.")
) -> ImageRecord:
    return ImageRecord(1, "1.jpg", 0, 64, 64, "", annotations, captions=captions)


def person(number: int, crowd: bool = False) -> Annotation:
    return Annotation(number, "person", crowd, b"")


@pytest.mark.parametrize(
    ("captions", "kind"),
    [
        (["A man sits.", "The man is on a bench."], "male"),
        (["A young BOY with his bike", "a guy riding"], "male"),
        (["A woman's hand holds a cup", "lady with her cup", "A person with a cup"], "female"),
        (["A girl.", "child on a bench", "kid on a bench", "a person", "the girl smiles"], "female"),
        (["A baby boy in a crib", "An infant sleeping"], "baby"),
        (["The baby is holding its toy in his hand", "a toddler with a toy"], "baby"),
        (["a man", "a couple of pizzas for the man"], "male"),
        (["one caption of a man"], "male"),
        (["A man rides", "A woman rides"], None),  # captions disagree
        (["A man and his wife", "a man"], None),
        (["A man walks", "The man with her dog"], None),  # a pronoun of another kind
        (["Two men", "a man"], None),
        (["a man and kids", "a man"], None),
        (["a man with children", "a man"], None),
        (["a couple walks", "a man", "a man"], None),
        (["a mother with a baby", "a mother with a baby"], None),
        (["a baby elephant", "a baby elephant by a person"], None),
        (["a man with a baby elephant", "a man and an elephant"], "male"),
        (["a man-made lake", "a man-made lake"], None),
        (["a snowman", "a woman-owned shop"], None),
        (["his dog runs", "he throws a disc"], None),  # pronouns may mean the dog
        (["a statue of a man", "a man on a horse"], None),
        (["people play", "a man plays", "the man plays"], "male"),  # people tells nothing
        (["a man", "a person", "a skier"], None),  # one caption of three is not enough
        (["a person", "a skier"], None),
        ([], None),
        ([""], None),
    ],
)
def test_kind_of_captions(captions: list[str], kind: str | None) -> None:
    found = kind_of_captions(captions)
    assert (found[0] if found else None) == kind


def test_evidence_counts_words() -> None:
    captions = ["A man and his dog", "the man", "a male and man's best friend", "a person"]
    assert kind_of_captions(captions) == ("male", "captions: man x3, his x1, male x1")


def test_min_captions() -> None:
    assert kind_of_captions(["a man", "a person"], min_captions=1) == ("male", "captions: man x1")
    assert kind_of_captions(["a man", "a man"], min_captions=3) == (
        "male",
        "captions: man x2",
    )  # no more captions than there are
    assert kind_of_captions(["a man", "a man", "a dog"], min_captions=3) is None


def test_captions_label_only_the_one_person_of_an_image() -> None:
    dog = Annotation(9, "dog", False, b"")
    assert label_persons([image(person(5), dog)]) == {5: ("male", "captions: man x2")}
    assert label_persons([image(person(5), person(6))]) == {}
    assert label_persons([image(person(5), person(6, crowd=True))]) == {}
    assert label_persons([image(dog)]) == {}


def test_table_decides_before_captions() -> None:
    images = [image(person(5), person(6)), image(person(7)), image(person(8))]
    found = label_persons(images, {5: "female", 7: "baby", 99: "male"}, "persons.csv")
    assert found == {
        5: ("female", "table persons.csv"),
        7: ("baby", "table persons.csv"),
        8: ("male", "captions: man x2"),
    }


def test_read_person_labels(tmp_path: Path) -> None:
    path = tmp_path / "persons.csv"
    path.write_bytes("﻿ann_id;label;note\r\n5; Male;x\r\n6;baby;\r\n5;male;again\r\n".encode())
    assert read_person_labels(path) == {5: "male", 6: "baby"}


@pytest.mark.parametrize(
    ("text", "reason", "told"),
    [
        ("ann_id,label\nx,male\n", "bad-person-label", "persons.csv:2"),
        ("ann_id,label\n1.0,male\n", "bad-person-label", "1.0"),
        ("ann_id,label\n1,male\n2,child\n", "bad-person-label", "persons.csv:3"),
        ("ann_id,label\n1,male\n1,female\n", "bad-person-label", "in line 2"),
        ("id,label\n1,male\n", "missing-column", "ann_id"),
    ],
)
def test_bad_person_tables(tmp_path: Path, text: str, reason: str, told: str) -> None:
    path = tmp_path / "persons.csv"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_person_labels(path)
    assert caught.value.reason == reason and told in str(caught.value)
