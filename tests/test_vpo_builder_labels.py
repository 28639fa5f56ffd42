"""The label table: VPO's own, a user's in its place, a user's beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluators.categories import vpo_categories
from evaluators.errors import DataError
from vpo_builder.labels import read_labels, read_rows

HEADER = "category,mask_id,coco_category,vocabulary,label\n"


def table(folder: Path, text: str, header: str = HEADER) -> Path:
    path = folder / "labels.csv"
    path.write_bytes((header + text).encode())
    return path


def test_own_table_has_the_categories_of_vpo() -> None:
    labels = read_labels()
    assert list(labels.categories) == list(vpo_categories())
    assert labels.persons == ("baby", "female", "male")
    assert labels.categories_of_coco("dog") == ("dog",)
    assert labels.categories_of_coco("toaster") == ()
    assert labels.is_person("female") and labels.is_person("person") and not labels.is_person("dog")


@pytest.mark.parametrize(
    ("label", "category"),
    [
        ("dog barking", "dog"),
        ("Dog  Barking ", "dog"),
        ("race car,auto racing", "car"),
        ("Male speech, man speaking", "male"),
        ("crying_baby", "baby"),
        ("Fixed-wing aircraft, airplane", "airplane"),
        ("dog", "dog"),
        ("dog bark", None),  # no guess: only whole labels count
        ("playing cello", None),
        ("", None),
    ],
)
def test_category_of_a_clip_label(label: str, category: str | None) -> None:
    assert read_labels().category_of_label(label) == category


def test_more_lines_get_the_next_indices_in_file_order(tmp_path: Path) -> None:
    lines = [
        "train,7,train,vggsound,train whistling",
        "boat,9,boat,,ship horn",
        "train,7,train,,train horning",
        "dog,18,dog,mine,woof",
    ]
    labels = read_labels(more=table(tmp_path, "\n".join(lines)))
    assert len(labels.categories) == 23
    assert (labels.categories["train"].index, labels.categories["boat"].index) == (22, 23)
    assert labels.categories["dog"].index == vpo_categories()["dog"].index
    assert labels.category_of_label("woof") == "dog" and labels.category_of_label("ship horn") == "boat"
    assert labels.categories_of_coco("boat") == ("boat",)


def test_replaced_table_keeps_official_indices_and_ids(tmp_path: Path) -> None:
    labels = read_labels(replace=table(tmp_path, "train,7,train,,train whistling\nzebra,24,zebra,,zebra braying\n"))
    assert [(c.name, c.index, c.mask_id) for c in labels.categories] == [("zebra", 21, 24), ("train", 22, 7)]
    assert labels.category_of_label("dog barking") is None
    assert labels.persons == ()


PLAIN = HEADER + "train,7,train,x,train horn\n"


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace(",", ";") + "\n  \n",
        "label , COCO_CATEGORY,category,mask_id,vocabulary,more\ntrain horn,train,train,7,x,1\n",
    ],
)
def test_spellings_of_csv(tmp_path: Path, text: str) -> None:
    labels = read_labels(replace=table(tmp_path, text, header=""))
    assert labels.category_of_label("train horn") == "train"
    assert labels.categories["train"].mask_id == 7


@pytest.mark.parametrize(
    ("text", "reason", "told"),
    [
        ("train,1,train,,horn\n", "bad-label", "labels.csv:2"),
        ("train,0,train,,horn\n", "bad-label", "2 to 254"),
        ("train,255,train,,horn\n", "bad-label", "255"),
        ("train,-7,train,,horn\n", "bad-label", "-7"),
        ("train,seven,train,,horn\n", "bad-label", "seven"),
        ("train,7,train,,\n", "bad-label", "label is empty"),
        (",7,train,,horn\n", "bad-label", "category is empty"),
        ("person,7,person,,talking\n", "bad-label", "person"),
        ("a,7,train,,horn\n", "", ""),
        ('"a,b",7,train,,horn\n', "bad-label", "a,b"),
        ("a/b,7,train,,horn\n", "bad-label", "a/b"),
        ("..,7,train,,horn\n", "unsafe-path", ".."),
        ("train,18,train,,horn\n", "label-collision", "mask_id 18 is train here and dog"),
        ("dog,7,dog,,woof\n", "label-collision", "dog has mask_id 7"),
        ("train,7,train,,horn\ntrain,8,train,,whistle\n", "label-collision", "labels.csv:2"),
        (
            "train,7,train,,dog barking\n",
            "label-collision",
            "labels.csv:2: label 'dog barking' is train here and dog in labels.csv:",
        ),
        ("puppy,7,dog,,yelp\n", "label-collision", "only persons"),
        ('train,7,train,,"horn\n', "table-unreadable", "csv"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, text: str, reason: str, told: str) -> None:
    path = table(tmp_path, text)
    if not reason:
        assert read_labels(more=path).categories["a"].mask_id == 7
        return
    with pytest.raises(DataError) as caught:
        read_labels(more=path)
    assert caught.value.reason == reason
    assert told in str(caught.value).replace(str(tmp_path) + "/", "")


def test_a_user_may_add_a_kind_of_person(tmp_path: Path) -> None:
    labels = read_labels(more=table(tmp_path, "singer,95,person,vggsound,opera singing\n"))
    assert labels.persons == ("baby", "female", "male", "singer")


@pytest.mark.parametrize("content", [b"category,mask_id,label\n", b"", b"category;mask_id;coco_category;vocabulary\n"])
def test_missing_columns(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(DataError, match="missing-column"):
        read_labels(replace=tmp_path / "labels.csv")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00c", None])
def test_unreadable_table(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "labels.csv"
    if content:
        path.write_bytes(content)
    with pytest.raises(DataError, match="table-unreadable"):
        list(read_rows(path, ("label",)))
