"""The official layout of VPO: folder names, file names and csv columns, as the loaders of CAVP expect them."""

from __future__ import annotations

ROOT = "VPO"
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
    return f"{ROOT}/VPO-{setting.upper()}"


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


def prediction_names(setting: str, mask_file: str, sample_id: str) -> tuple[str, ...]:
    """Paths without extension by which a sample's prediction may go, the most explicit first.

    Masks of VPO-MSMI may stand in VPO-MS; but for the mask's own path, names tell the setting that the sample belongs to.
    """
    path = mask_file.removesuffix(".png")
    parts = path.split("/")
    if parts[-1] == "0":  # a folder for each sample, as AVSBench-semantic has them
        return (
            path,
            f"{setting}/{sample_id}",
            sample_id,
            *("/".join(parts[start:-2]) for start in range(len(parts) - 2)),
        )
    home = f"VPO-{setting.upper()}"
    inner = f"mask/{path.rpartition('/mask/')[2]}"
    names = (
        path,
        f"{home}/{inner}",
        f"{setting}/{sample_id}",
        sample_id,
        f"{home}/{parts[-1]}",
        f"{setting}/{parts[-1]}",
    )
    return tuple(dict.fromkeys((*names, parts[-1])))
