"""One image: its file, read whole, and the masks of its objects."""

from __future__ import annotations

import hashlib
import stat
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from evaluators.dataset import Instance, Picture
from evaluators.errors import DataError
from evaluators.files import inside
from evaluators.masks import MAX_PIXELS
from evaluators.rejections import Rejection

from .labels import LabelTable
from .material import Annotation, Candidate, ImageRecord
from .segmentation import Mask, decode_segmentation

MIN_SIDE = 32  # pixels
MAX_BYTES = 500_000_000
_ORIENTATION = 0x0112  # EXIF tag; 1 is upright, 5 to 8 swap width and height
_GREY = ("1", "L", "LA", "I", "F", "I;16")


@dataclass(frozen=True)
class _Photo:
    """What the bytes of an image file say."""

    sha256: str
    width: int  # as stored: the EXIF orientation is not applied
    height: int
    mode: str  # Pillow's
    orientation: int


def examine_image(
    record: ImageRecord, root: Path | str, labels: LabelTable, person_labels: Mapping[int, tuple[str, str]]
) -> tuple[Candidate | None, tuple[Rejection, ...]]:
    """Read an image and the masks of its annotations; ``person_labels`` holds category and evidence by annotation id.

    Returns the candidate, or None for an image that can't be used, and all that was rejected or is remarkable.
    Reasons for an image: ``unsafe-path``, ``image-missing``, ``not-a-file``, ``image-unreadable``, ``empty-file``, ``not-an-image``,
    ``image-too-large``, ``too-small``, ``size-mismatch``, ``image-truncated``, ``image-corrupt``; for an annotation those of
    :func:`.segmentation.decode_segmentation`; remarks: ``image-grey``, ``image-cmyk``, ``image-exif-rotated``, ``polygon-clipped``.
    A category is blocked where one of its objects is a crowd, has no good mask, or is a person of unknown kind.
    """
    try:
        photo = _read_photo(_read_file(inside(root, record.file)), record)
    except DataError as error:
        return None, (Rejection("image", record.file, error.reason, error.message),)
    picture = Picture(
        record.id,
        record.file,
        record.root,
        photo.width,
        photo.height,
        photo.sha256,
        record.licence,
        record.url,
        record.page,
        photo.orientation,
    )
    scene = _Scene(labels, person_labels)
    for annotation in sorted(record.annotations, key=lambda annotation: annotation.id):
        scene.add(annotation, record)
    return scene.candidate(picture, record.official_split), (*_remarks(photo, record), *scene.rejections)


def strip_orientation(jpeg: bytes) -> bytes:
    """The same JPEG without its EXIF data, so that nothing turns the picture; every pixel stays as it is.

    Bytes that are no JPEG come back unchanged.
    """
    if not jpeg.startswith(b"\xff\xd8"):
        return jpeg
    kept, place = [jpeg[:2]], 2
    while jpeg[place : place + 1] == b"\xff" and jpeg[place + 1 : place + 2] not in (
        b"",
        b"\xda",
    ):  # up to the start of scan
        if jpeg[place + 1] == 0xFF:  # fill byte
            place += 1
            continue
        end = place + 2 + int.from_bytes(jpeg[place + 2 : place + 4], "big")
        if not (jpeg[place + 1] == 0xE1 and jpeg[place + 4 : place + 10] == b"Exif\0\0"):
            kept.append(jpeg[place:end])
        place = end
    return b"".join([*kept, jpeg[place:]])


def _read_file(path: Path) -> bytes:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise DataError("not-a-file", path, "is a folder, pipe or device; expected an image file")
        if found.st_size > MAX_BYTES:
            raise DataError("image-too-large", path, f"{found.st_size} bytes, at most {MAX_BYTES} are read")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(
            "image-missing", path, f"is not in {path.parent}; get it, or leave the image out of the json"
        ) from error
    except OSError as error:
        raise DataError("image-unreadable", path, f"can't be read ({error.strerror})") from error
    if not data:
        raise DataError("empty-file", path, "has 0 bytes; get it again")
    return data


def _read_photo(data: bytes, record: ImageRecord) -> _Photo:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata; what matters is checked here
            with Image.open(BytesIO(data), formats=("JPEG", "PNG")) as image:
                orientation = _orientation(image)
                _check_size(image, record, orientation)
                image.load()
                return _Photo(hashlib.sha256(data).hexdigest(), image.width, image.height, image.mode, orientation)
    except DataError:
        raise
    except Image.DecompressionBombError as error:
        raise DataError("image-too-large", record.file, f"{error}") from error
    except UnidentifiedImageError as error:
        raise DataError("not-an-image", record.file, f"begins with {data[:16]!r}; JPEG and PNG are read") from error
    except Exception as error:  # decoders raise what they like on damaged bytes
        cut = "truncated" in str(error) or not data.rstrip(b"\0").endswith((b"\xff\xd9", b"IEND\xaeB`\x82"))
        raise DataError(
            "image-truncated" if cut else "image-corrupt",
            record.file,
            f"can't be decoded to its end ({error}); get it again",
        ) from error


def _orientation(image: Image.Image) -> int:
    try:
        found = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # damaged EXIF data turns nothing
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _check_size(image: Image.Image, record: ImageRecord, orientation: int) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise DataError("image-too-large", record.file, f"{width} x {height} pixels, at most {MAX_PIXELS} are read")
    if min(width, height) < MIN_SIDE:
        raise DataError(
            "too-small", record.file, f"{width} x {height} pixels, expected at least {MIN_SIDE} on each side"
        )
    if (width, height) != (record.width, record.height):
        turned = (height, width) == (record.width, record.height) and orientation >= 5
        hint = (
            "the json has the size after its EXIF orientation, COCO's masks are for the pixels as stored"
            if turned
            else "its masks don't fit"
        )
        raise DataError(
            "size-mismatch",
            record.file,
            f"{width} x {height} pixels, the json says {record.width} x {record.height}; {hint}",
        )


def _remarks(photo: _Photo, record: ImageRecord) -> list[Rejection]:
    found = []
    if photo.mode in _GREY or photo.mode.startswith("I;"):
        found.append(("image-grey", "has no colours; it is used"))
    if photo.mode == "CMYK":
        found.append(("image-cmyk", "is CMYK, which some readers don't turn into RGB; it is used"))
    if photo.orientation != 1:
        found.append(
            (
                "image-exif-rotated",
                f"has EXIF orientation {photo.orientation}; it is used as stored, its copy gets no EXIF data",
            )
        )
    return [Rejection("image", record.file, reason, message, warning=True) for reason, message in found]


class _Scene:
    """The objects of one image, sorted while they are decoded."""

    def __init__(self, labels: LabelTable, person_labels: Mapping[int, tuple[str, str]]) -> None:
        self.labels = labels
        self.person_labels = person_labels
        self.instances: list[Instance] = []
        self.unlabelled: list[int] = []
        self.ignore: list[str] = []
        self.blocked: set[str] = set()
        self.rejections: list[Rejection] = []

    def add(self, annotation: Annotation, record: ImageRecord) -> None:
        """Decode one annotation and put it where it belongs."""
        item = f"image {record.id} annotation {annotation.id}"
        try:
            mask = decode_segmentation(annotation.segmentation, record.height, record.width)
        except DataError as error:
            self.rejections.append(Rejection("annotation", item, error.reason, error.message))
            self._block(annotation.category)
            return
        if mask.clipped:
            message = "its outline leaves the image; the part inside is used"
            self.rejections.append(Rejection("annotation", item, "polygon-clipped", message, warning=True))
        if annotation.crowd:
            self.ignore.append(mask.rle)
            self._block(annotation.category)
        elif not self.labels.is_person(annotation.category):
            self._keep(annotation.id, annotation.category, mask)
        elif annotation.id in self.person_labels:
            category, evidence = self.person_labels[annotation.id]
            self._keep(annotation.id, category, mask, evidence)
        else:
            self.unlabelled.append(annotation.id)
            self._block(annotation.category)

    def _keep(self, annotation_id: int, category: str, mask: Mask, evidence: str = "") -> None:
        self.instances.append(
            Instance(annotation_id, category, mask.rle, mask.area, mask.bbox, mask.position, evidence=evidence)
        )

    def _block(self, category: str) -> None:
        self.blocked.update(self.labels.persons if self.labels.is_person(category) else (category,))

    def candidate(self, picture: Picture, official_split: str) -> Candidate:
        """What was gathered."""
        return Candidate(
            picture,
            official_split,
            tuple(self.instances),
            tuple(self.unlabelled),
            tuple(self.ignore),
            tuple(sorted(self.blocked)),
        )
