"""The official layout of VPO: folder names, file names and csv columns, as the loaders of CAVP expect them."""

from __future__ import annotations

SETTINGS = ("ss", "ms", "msmi")
AUDIO_FOLDER = "vggsound_bench/VGGSound/audios"
CSV_COLUMNS = (
    "img_Id",
    "ann_Ids",
    "cateName",
    "cateId",
    "vgg_file",
    "audio_pos",
    "split",
    "multi_instance",
    "vgg_label",
)
COLLIDING = frozenset({"car", "airplane"})  # the loader turns car 3 into 5 and then 5 into airplane


def folder(setting: str) -> str:
    """``VPO/VPO-SS`` and so on."""
    return f"VPO/VPO-{setting.upper()}"


def csv_file(setting: str) -> str:
    """The table of a setting; mono and stereo loaders read the same one."""
    return f"{folder(setting)}/vpo_{setting}_data_stereo.csv"


def image_file(setting: str, image_id: int, category: str) -> str:
    """Path of an image; only VPO-SS has a folder per category."""
    return f"{folder(setting)}/data/{category + '/' if setting == 'ss' else ''}{image_id:012d}.jpg"


def mask_file(setting: str, image_id: int, category: str, annotation_id: int, kind: str = "mask") -> str:
    """Path of a mask (or of another per-sample ``kind`` beside it); only VPO-SS names the annotation."""
    if setting == "ss":
        return f"{folder(setting)}/{kind}/{category}/{image_id:012d}_{annotation_id:012d}.png"
    return f"{folder(setting)}/{kind}/{image_id:012d}.png"


def clip_file(clip_id: str) -> str:
    """Path of a mono clip, shared by all settings."""
    return f"{AUDIO_FOLDER}/{clip_id}.wav"
