"""Which persons are male, female or baby: by a table of the user's, or by the captions of the image.

COCO says only "person". Captions are about the image, not about an annotation, so they are believed only where
the image has exactly one person, several captions say the same, and no word of any caption says otherwise.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from evaluators.errors import DataError

from .labels import PERSON, read_rows
from .material import ImageRecord

KINDS = ("male", "female", "baby")
MIN_CAPTIONS = 2

_NOUNS = {
    "male": "man boy guy male gentleman lad dude father dad son husband groom brother uncle grandfather grandpa businessman",
    "female": "woman girl lady female gal mother mom daughter wife bride sister aunt grandmother grandma businesswoman",
    "baby": "baby infant toddler newborn",
}
_PRONOUNS = {"male": "he him his himself", "female": "she her hers herself"}
_SEVERAL = "men women boys girls guys males females gentlemen ladies lads dudes babies infants toddlers newborns adults children kids"
_NO_PERSON = (
    "statue statues sculpture mannequin mannequins doll dolls poster painting drawing cartoon figurine figurines"
)
_AFTER_BABY = "is in on at with and who that has being near next by under beside while looks lays lies sits"

_KIND_OF_NOUN = {word: kind for kind, words in _NOUNS.items() for word in words.split()}
_KIND_OF_PRONOUN = {word: kind for kind, words in _PRONOUNS.items() for word in words.split()}
_DOUBTFUL = frozenset(f"{_SEVERAL} {_NO_PERSON}".split())
_FOLLOWS_BABY = frozenset(["", *_AFTER_BABY.split()])
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")


def label_persons(
    images: Iterable[ImageRecord],
    table: Mapping[int, str] | None = None,
    table_name: str = "",
    min_captions: int = MIN_CAPTIONS,
) -> dict[int, tuple[str, str]]:
    """Category and evidence by annotation id, for the persons of ``images`` of whom one of them is known.

    ``table`` (see :func:`read_person_labels`) decides where it holds an annotation. Else the captions do, in images
    with exactly one person; see :func:`kind_of_captions`.
    """
    found = {}
    for image in images:
        persons = [annotation.id for annotation in image.annotations if annotation.category == PERSON]
        evidence = kind_of_captions(image.captions, min_captions) if len(persons) == 1 else None
        for annotation_id in persons:
            if table and annotation_id in table:
                found[annotation_id] = (table[annotation_id], f"table {table_name}".strip())
            elif evidence:
                found[annotation_id] = evidence
    return found


def kind_of_captions(captions: Sequence[str], min_captions: int = MIN_CAPTIONS) -> tuple[str, str] | None:
    """The kind of the one person that all ``captions`` describe, with the evidence such as ``captions: man x3, his x1``.

    At least ``min_captions`` captions (one where there is only one) must use a noun of one kind, and no caption a noun
    or pronoun of another, a plural, or a word for a likeness (statue, doll). Pronouns alone are no evidence: they may
    mean a pet. Child, kid, person and people tell nothing. A baby boy is a baby and may be "he"; a baby elephant is
    none: "baby" counts only before a preposition, a verb that the list holds, a word in -ing, or at the end.
    """
    nouns: Counter[str] = Counter()
    pronouns: Counter[str] = Counter()
    agreeing = 0
    for caption in captions:
        words = _WORD.findall(caption.lower())
        if _tells_several(words):
            return None
        found = _nouns(words)
        nouns.update(found)
        pronouns.update(word for word in words if word in _KIND_OF_PRONOUN)
        agreeing += bool(found)
    kinds = {_KIND_OF_NOUN[word] for word in nouns}
    if kinds != {"baby"}:
        kinds |= {_KIND_OF_PRONOUN[word] for word in pronouns}
    if len(kinds) != 1 or agreeing < min(min_captions, len(captions)):
        return None
    counts = sorted((nouns + pronouns).items(), key=lambda item: (-item[1], item[0]))
    return kinds.pop(), "captions: " + ", ".join(f"{word} x{times}" for word, times in counts)


def _tells_several(words: Sequence[str]) -> bool:
    """Whether a caption speaks of more than one person, or of a likeness of one."""
    return not _DOUBTFUL.isdisjoint(words) or any(
        word == "couple" and following != "of" for word, following in zip(words, [*words[1:], ""], strict=False)
    )


def _nouns(words: Sequence[str]) -> list[str]:
    """The words of a caption that tell the kind of a person."""
    found, of_baby = [], False
    for word, following in zip(words, [*words[1:], ""], strict=False):
        if _KIND_OF_NOUN.get(word) == "baby":
            of_baby = following in ("boy", "girl")
            if of_baby or following in _FOLLOWS_BABY or following.endswith("ing"):
                found.append(word)
        elif word in _KIND_OF_NOUN and not of_baby:
            found.append(word)
        else:
            of_baby = False
    return found


def read_person_labels(path: Path | str, categories: Collection[str] = KINDS) -> dict[int, str]:
    """Category by annotation id, from a csv file with the columns ``ann_id,label``.

    Raises ``DataError`` with the line: ``bad-person-label``, and those of :func:`.labels.read_rows`.
    """
    found: dict[int, str] = {}
    lines: dict[int, int] = {}
    for number, row in read_rows(path, ("ann_id", "label")):
        where, text, label = f"{path}:{number}", row["ann_id"], row["label"].casefold()
        if not (text.isascii() and text.isdigit()):
            raise DataError("bad-person-label", where, f"ann_id is {text!r}, expected the number of an annotation")
        if label not in categories:
            raise DataError(
                "bad-person-label", where, f"label is {row['label']!r}, expected one of {', '.join(categories)}"
            )
        annotation_id = int(text)
        if found.setdefault(annotation_id, label) != label:
            raise DataError(
                "bad-person-label",
                where,
                f"annotation {text} is {label} here and {found[annotation_id]} in line {lines[annotation_id]}; keep one",
            )
        lines.setdefault(annotation_id, number)
    return found
