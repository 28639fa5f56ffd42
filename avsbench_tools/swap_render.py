"""Writes one video of a swap: links to its frames and masks, its new sound as a wav, and for S4 the log-mel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evaluators import avss
from evaluators.errors import DataError
from evaluators.files import atomic_write, inside, link_or_copy
from evaluators.rejections import Rejection
from evaluators.videos import Video
from evaluators.wav_files import encode_wav

from .conversions import refusal
from .logmel import log_mel
from .official import official_video
from .swap_clips import SECONDS, cut
from .swap_plan import Swap
from .tensors import encode_tensor


@dataclass(frozen=True)
class Studio:
    """What rendering needs for all videos."""

    root: Path
    dst: Path
    clip_dir: Path


def render(studio: Studio, item: tuple[Swap, Video]) -> bool | Rejection:
    """Write the files of one video, whole or not at all each; True where all were there. The sound comes last."""
    line, video = item
    try:
        target = swapped_video(video)
        wav, log_mels = (
            [inside(studio.dst, name) for name in names if name]
            for names in ([target.audio_file], [target.log_mel_file])
        )
        links = [
            (inside(studio.root, name), inside(studio.dst, place)) for name, place in _links(studio.root, video, target)
        ]
        if all(path.is_file() for path in (*wav, *log_mels, *(place for _, place in links))):
            return True
        missing = [source for source, _ in links if not source.is_file()]
        if missing:
            raise DataError("file-missing", missing[0], "a frame or mask isn't there; complete the dataset")
        sound = cut(studio.clip_dir, line.file, line.start_sample, line.sha256)
    except DataError as error:
        return refusal(video, error.reason, f"{error.where}: {error.message}")
    for source, place in links:
        link_or_copy(source, place)
    for path in log_mels:
        _write(path, encode_tensor(log_mel(sound, SECONDS)))
    for path in wav:
        _write(path, encode_wav(sound))
    return False


def swapped_video(video: Video) -> Video:
    """The video with its files where the official layout has them."""
    if video.setting == "s4":
        return official_video(video, "s4")
    kind = avss.COLOURS if any(f"/{avss.COLOURS}/" in mask for mask in video.masks) else avss.INDICES
    return avss.placed(video.id, video.setting, video.split, video.sounding, video.start_seconds, kind=kind)


def _links(root: Path, video: Video, target: Video) -> Iterator[tuple[str, str]]:
    """From where to where frames and masks are linked; of label maps both forms, where both are there."""
    for frame, place in zip(video.frames, target.frames, strict=False):
        yield frame.image_file, place.image_file
        if frame.mask_file and place.mask_file:
            yield frame.mask_file, place.mask_file
            for mine, other in ((avss.INDICES, avss.COLOURS), (avss.COLOURS, avss.INDICES)):
                twin = frame.mask_file.replace(f"/{mine}/", f"/{other}/")
                if video.setting != "s4" and twin != frame.mask_file and inside(root, twin).is_file():
                    yield twin, place.mask_file.replace(f"/{mine}/", f"/{other}/")


def _write(path: Path, content: bytes) -> None:
    with atomic_write(path) as stream:
        stream.write(content)
