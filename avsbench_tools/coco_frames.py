"""The frames of a video read for COCO JSON: sizes by the images, masks as label maps. A video is taken whole or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from evaluators.categories import VOID
from evaluators.errors import DataError
from evaluators.rejections import Rejection
from evaluators.videos import Frame, Video

from .carry_out import REMARKS, TINY
from .conversions import refusal
from .palette import unnamed
from .source_files import check_counts, read_picture
from .source_masks import Array, MaskSource, read_mask


@dataclass(frozen=True, eq=False)
class ReadFrame:
    """A frame, and its mask where it is annotated."""

    frame: Frame
    height: int
    width: int
    labels: Array | None  # uint8 (height, width): 0 and 1, or indices


@dataclass(frozen=True, eq=False)
class ReadVideo:
    """All frames of a video and what is worth a look; or the one rejection, and no frame."""

    frames: tuple[ReadFrame, ...]
    rejections: tuple[Rejection, ...]


def read_video(masks: MaskSource, video: Video, *, counted: bool) -> ReadVideo:
    """Read and check the frames of a video; ``counted``: files beside those of the table count too.

    Nothing is raised for bad files: they are told, with the codes of ``avsbench convert``.
    """
    found: Counter[tuple[str, str]] = Counter()  # how many, by reason and what is said of them
    frames = []
    try:
        extra = check_counts(masks.root, video) if counted else []
        found.update({("extra-mask", "masks of frames that count as not annotated were left out"): len(extra)})
        for frame in video.frames:
            width, height = read_picture(masks.root, frame.image_file).size
            labels = None
            if frame.mask_file:
                labels, remarks = read_mask(masks, frame.mask_file)
                if labels.shape != (height, width):
                    sizes = f"{labels.shape[1]} x {labels.shape[0]}, its frame {width} x {height}"
                    raise DataError("size-mismatch", frame.mask_file, f"is {sizes}; get both from one source")
                found.update({(reason, REMARKS[reason]): pixels for reason, pixels in remarks.items()})
                found.update(dict(_strange(masks, video, labels)))
            frames.append(ReadFrame(frame, height, width, labels))
    except DataError as error:
        return ReadVideo((), (refusal(video, error.reason, f"{error.where}: {error.message}"),))
    warnings = (
        refusal(video, reason, f"{n:,} {told}", warning=True) for (reason, told), n in sorted(found.items()) if n
    )
    return ReadVideo(tuple(frames), tuple(warnings))


def _strange(masks: MaskSource, video: Video, labels: Array) -> Iterator[tuple[tuple[str, str], int]]:
    """Pixels of void, and of categories that the table doesn't name for the video, where it names any."""
    if not masks.categories:
        return
    void = int((labels == VOID).sum())
    if void:
        yield ("void-pixels", "pixels are void (255) and in no annotation"), void
    named = [index for index, name in enumerate(masks.categories) if name in video.sounding]
    for index, pixels in unnamed(labels, named).items() if named else ():
        reason = "stray-category" if pixels < TINY * labels.size else "unnamed-category"
        yield (reason, f"pixels are {masks.categories[index]}, which the table doesn't name"), pixels
