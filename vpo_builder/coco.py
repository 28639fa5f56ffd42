"""COCO's instances and captions files: which images show something that may sound, and what is said of them.

A train2017 file has 450 MB, most of it outlines. They stay JSON until an image is examined, and only those of
the categories of the label table are kept; the others never become objects.
"""

from __future__ import annotations

import gc
import re
from collections import Counter, defaultdict
from collections.abc import Container, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec

from evaluators.errors import DataError
from evaluators.files import inside
from evaluators.rejections import Rejection

from .json_files import read_json
from .labels import PERSON, LabelTable, same_name
from .material import Annotation, ImageRecord

Id = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_OWN_NAME = re.compile(r"(COCO_(train|val|test)20\d\d_)?\d{12}\.jpg")
MANY = 100_000  # annotations; files of val2017 have 37,000
_OFFICIAL = re.compile(r"(train|val)20(?:14|17)")


class _Image(msgspec.Struct, gc=False):
    id: Id
    file_name: str
    width: int
    height: int
    license: int | None = None
    coco_url: str | None = None
    flickr_url: str | None = None


class _Annotation(msgspec.Struct, gc=False):
    id: Id
    image_id: Id
    category_id: Id
    iscrowd: int | bool | msgspec.UnsetType = msgspec.UNSET
    segmentation: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Category(msgspec.Struct):
    id: Id
    name: str


class _Licence(msgspec.Struct):
    id: int
    name: str = ""


class _Instances(msgspec.Struct):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]
    licenses: list[_Licence] = []


class _Caption(msgspec.Struct, gc=False):
    id: Id
    image_id: Id
    caption: str


class _Captions(msgspec.Struct):
    annotations: list[_Caption]


@dataclass(frozen=True)
class CocoIndex:
    """What the files hold: images in order of id, each with its annotations as they stand in the files.

    ``counts``: ``images`` and ``annotations`` in all files, ``repeated images`` and ``repeated annotations`` that
    stand alike in two files, and ``category id N`` for annotations whose category its file doesn't name.
    """

    images: tuple[ImageRecord, ...]
    rejections: tuple[Rejection, ...]
    counts: Mapping[str, int]


def read_coco(
    json_paths: Sequence[Path], image_roots: Sequence[Path], caption_paths: Sequence[Path], labels: LabelTable
) -> CocoIndex:
    """Index instances files; ``image_roots`` holds one folder for each, or one for all.

    Kept are the images that show at least one category of ``labels``, with the annotations of those categories.
    Rejected are single images (``unsafe-path``, ``bad-size``, ``duplicate-file``) and annotations (``unknown-image``).
    Raises ``DataError`` for what makes a file doubtful as a whole: ``duplicate-id``, ``duplicate-category``,
    ``no-known-category``, and those of :func:`.json_files.read_json`.
    """
    if len(image_roots) not in (1, len(json_paths)):
        raise DataError(
            "image-folders",
            "image folders",
            f"{len(image_roots)} for {len(json_paths)} json files; give one for all, or one for each",
        )
    with _uncollected():
        return _read_coco(json_paths, image_roots, caption_paths, labels)


@contextmanager
def _uncollected() -> Iterator[None]:
    """No search for reference cycles: there are none in records, and looking through millions takes seconds."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _read_coco(
    json_paths: Sequence[Path], image_roots: Sequence[Path], caption_paths: Sequence[Path], labels: LabelTable
) -> CocoIndex:
    gathered = _Gathered(labels)
    for number, path in enumerate(json_paths):
        root = image_roots[number if len(image_roots) > 1 else 0]
        _gather(Path(path), list(image_roots).index(root), gathered)
    if not gathered.known:
        found = ", ".join(gathered.names[:8]) or "none"
        message = f"no category of the label table in it; found {found}; names must be those of the table's column coco_category"
        raise DataError("no-known-category", ", ".join(map(str, json_paths)) or "no json file", message)
    captions = _read_captions(caption_paths, gathered.images.keys())
    records = [_record(seen, gathered, captions) for _, seen in sorted(gathered.images.items())]
    return CocoIndex(
        tuple(_usable(records, image_roots, gathered.rejections)), tuple(gathered.rejections), dict(gathered.counts)
    )


class _Seen(msgspec.Struct):
    """An image and the file that it was first seen in."""

    image: _Image
    path: Path
    root: int
    licence: str


@dataclass
class _Gathered:
    """What the files read so far hold."""

    labels: LabelTable
    images: dict[int, _Seen] = field(default_factory=dict)
    annotations: dict[int, list[Annotation]] = field(default_factory=dict)  # by image
    rejections: list[Rejection] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    names: list[str] = field(default_factory=list)
    known: bool = False  # whether any category is in the label table


def _gather(path: Path, root: int, gathered: _Gathered) -> None:
    content = read_json(path, _Instances, _key_counts)
    _check_ids([image.id for image in content.images], "images", path)
    _check_ids([annotation.id for annotation in content.annotations], "annotations", path)
    _check_categories(content.categories, path)
    categories = {category.id: _category(category.name, gathered.labels) for category in content.categories}
    if any(categories.values()):
        gathered.known = True
    else:
        message = "names no category of the label table; nothing of it is used"
        gathered.rejections.append(Rejection("file", path.name, "no-known-category", message, warning=True))
    gathered.names += [category.name for category in content.categories]
    gathered.counts.update(images=len(content.images), annotations=len(content.annotations))
    of_image = {image.id: gathered.annotations.setdefault(image.id, []) for image in content.images}
    _gather_annotations(content.annotations, categories, of_image, path, gathered)
    licences = {licence.id: licence.name for licence in content.licenses}
    for image in content.images:
        if of_image[image.id]:
            licence = licences.get(image.license, "") if image.license is not None else ""
            _gather_image(_Seen(image, path, root, licence), gathered)


def _key_counts(content: _Instances) -> dict[str, int]:
    images, annotations = len(content.images), len(content.annotations)
    counts = {
        'id"': 3 * annotations + images + len(content.categories) + len(content.licenses)
    }  # image_id and category_id too
    if annotations < MANY:  # in a large file each look takes long
        counts |= {f'"{key}"': images for key in ("file_name", "width", "height")}
        counts['"segmentation"'] = sum(row.segmentation is not msgspec.UNSET for row in content.annotations)
        counts['"iscrowd"'] = sum(row.iscrowd is not msgspec.UNSET for row in content.annotations)
    return counts


def _check_ids(ids: Sequence[Hashable], name: str, path: Path) -> None:
    if len(set(ids)) < len(ids):
        repeated = next(value for value, times in Counter(ids).items() if times > 1)
        first = ids.index(repeated)
        second = ids.index(repeated, first + 1)
        raise DataError(
            "duplicate-id", path, f"$.{name}[{first}] and $.{name}[{second}] both have id {repeated}; give each its own"
        )


def _check_categories(categories: list[_Category], path: Path) -> None:
    ids: dict[Hashable, int] = {}
    for number, category in enumerate(categories):
        for kind, value in (("id", category.id), ("name", same_name(category.name))):
            other = ids.setdefault(value, number)
            if other != number:
                message = (
                    f"$.categories[{other}] and $.categories[{number}] have one {kind}, {value!r}; give each its own"
                )
                raise DataError("duplicate-category", path, message)


def _category(name: str, labels: LabelTable) -> str:
    """The category of the label table, ``person``, or ""."""
    found = labels.categories_of_coco(name)
    return "" if not found else PERSON if same_name(name) == PERSON else found[0]


def _gather_annotations(
    rows: list[_Annotation],
    categories: Mapping[int, str],
    of_image: Mapping[int, list[Annotation]],
    path: Path,
    gathered: _Gathered,
) -> None:
    """Keep the annotations of known categories, each with its image."""
    if not {row.category_id for row in rows} <= categories.keys():
        gathered.counts.update(f"category id {row.category_id}" for row in rows if row.category_id not in categories)
    rows[:] = [row for row in rows if categories.get(row.category_id)]
    earlier = {
        annotation.id: image for image, annotations in gathered.annotations.items() for annotation in annotations
    }
    rows.reverse()
    while rows:  # one by one, so that the memory of the file's records is used again
        row = rows.pop()
        annotation = Annotation(
            row.id, categories[row.category_id], bool(row.iscrowd), bytes(row.segmentation) if row.segmentation else b""
        )
        annotations = of_image.get(row.image_id)
        if annotations is None:
            message = f"belongs to image {row.image_id}, which {path} doesn't hold"
            gathered.rejections.append(
                Rejection("annotation", f"image {row.image_id} annotation {row.id}", "unknown-image", message)
            )
        elif row.id in earlier:
            _check_repeated(annotation, row.image_id, earlier[row.id], path, gathered)
        else:
            annotations.append(annotation)


def _check_repeated(
    annotation: Annotation, image_id: int, earlier_image_id: int, path: Path, gathered: _Gathered
) -> None:
    if annotation not in gathered.annotations[image_id]:
        where = f"{gathered.images[earlier_image_id].path}, image {earlier_image_id}"
        raise DataError(
            "duplicate-id",
            path,
            f"annotation {annotation.id} of image {image_id} is another one than in {where}; give each its own id",
        )
    gathered.counts["repeated annotations"] += 1


def _gather_image(seen: _Seen, gathered: _Gathered) -> None:
    first = gathered.images.setdefault(seen.image.id, seen)
    if first is seen:
        return
    here, there = (f"{image.file_name}, {image.width} x {image.height}" for image in (seen.image, first.image))
    if here != there:
        raise DataError(
            "duplicate-id",
            seen.path,
            f"image {seen.image.id} is {here}; in {first.path} it is {there}; keep one of them",
        )
    gathered.counts["repeated images"] += 1


def _read_captions(paths: Sequence[Path], wanted: Container[int]) -> dict[int, tuple[str, ...]]:
    """Captions of the images ``wanted``, in order of caption id, each once where files overlap."""
    found: dict[int, set[tuple[int, str]]] = defaultdict(set)
    for path in paths:
        content = read_json(Path(path), _Captions, lambda content: {'"caption"': len(content.annotations)})
        for row in content.annotations:
            if row.image_id in wanted:
                found[row.image_id].add((row.id, row.caption))
    return {image: tuple(caption for _, caption in sorted(captions)) for image, captions in found.items()}


def _record(seen: _Seen, gathered: _Gathered, captions: Mapping[int, tuple[str, ...]]) -> ImageRecord:
    image = seen.image
    return ImageRecord(
        image.id, image.file_name, seen.root, image.width, image.height, _official_split(image, seen.path), tuple(gathered.annotations[image.id]),
        seen.licence, image.coco_url or "", image.flickr_url or "", captions.get(image.id, ()),
    )  # fmt: skip


def _official_split(image: _Image, path: Path) -> str:
    found = _OFFICIAL.search(image.coco_url or "") or _OFFICIAL.search(path.name)
    return found[1] if found else ""


def _usable(records: list[ImageRecord], roots: Sequence[Path], rejections: list[Rejection]) -> list[ImageRecord]:
    files = Counter((record.root, record.file) for record in records)
    usable = []
    for record in records:
        try:
            if not _OWN_NAME.fullmatch(record.file):  # 100,000 of these need no closer look
                inside(roots[record.root], record.file)
            if record.width <= 0 or record.height <= 0:
                raise DataError(
                    "bad-size", record.file, f"the json gives {record.width} x {record.height} pixels; correct it"
                )
            if files[record.root, record.file] > 1:
                raise DataError(
                    "duplicate-file",
                    record.file,
                    f"image {record.id} shares its file with another image id; merge the records",
                )
            usable.append(record)
        except DataError as error:
            item = ascii(record.file[:80])[1:-1] if error.reason == "unsafe-path" else record.file
            rejections.append(Rejection("image", item, error.reason, error.message))
    return usable
