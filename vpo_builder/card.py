"""Writes the dataset card: the ``README.md`` of a built dataset."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PureWindowsPath
from typing import Any

from evaluators import vpo
from evaluators.dataset import DatasetInfo
from evaluators.distributions import SPLITS

from .stats import Stats

CONFIG = "config.toml"
FIGURE = "classes.svg"
# settings that hold paths of the builder's machine: only the last part is told
PATHS = (
    "coco_json",
    "coco_images",
    "captions",
    "person_labels",
    "clips",
    "clip_dir",
    "labels",
    "more_labels",
    "exclude",
    "test_images",
    "test_clips",
)
SETTING_RULES = {
    "ss": "one instance of one category sounds, and the image shows no other of that category",
    "ms": "one to five categories sound, none of them is seen twice",
    "msmi": "the samples of MS, and images that show a category more than once, where at least two of it sound; each source has a clip of its own",
}


def dataset_card(info: DatasetInfo, stats: Stats, config: Mapping[str, Any], rejected: Mapping[str, int]) -> str:
    """Markdown with the YAML header of Hugging Face dataset cards.

    ``stats`` as from ``compute_stats``, ``config`` the settings by name (paths in it are cut to file names),
    ``rejected`` how many items were left out, by reason. Same arguments, same text: no dates, no machine.
    """
    parts = [
        _header(info, stats),
        f"# {_cell(info.name)}\n\n{_what(info, stats)}",
        f"## Counts\n\n{_counts(info, stats)}\n\n![Sources per category]({FIGURE})",
        f"## How it was built\n\n{_built(info, config, rejected)}",
        f"## How to load it\n\n{_loading(info)}",
        f"## Known limits\n\n{_limits(info)}",
        f"## Licences\n\n{_licences(stats, config)}",
        f"## How to build it again\n\n{_again(info, config)}",
        f"## Cite\n\n{_CITATIONS}",
    ]
    return "\n\n".join(parts) + "\n"


def _header(info: DatasetInfo, stats: Stats) -> str:
    tags = ("audio-visual-segmentation", "sound-localization", "stereo", "vpo", *info.settings)
    size = next((name for limit, name in _SIZES if stats["samples"] < limit), "n>1M")
    lines = [
        "---",
        "license: other",
        "license_name: mixed",
        f"pretty_name: {json.dumps(info.name)}",
        "task_categories:",
        "- image-segmentation",
    ]
    lines += ["tags:", *(f"- {json.dumps(tag)}" for tag in tags), "size_categories:", f"- {size}", "---"]
    return "\n".join(lines)


_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def _what(info: DatasetInfo, stats: Stats) -> str:
    if info.audio == "render":
        sound = "Stereo mixtures, and the stems that they are the sum of, are part of the dataset. "
    elif info.layout == "avss":
        sound = "Stereo mixtures are part of the dataset. "
    else:
        sound = "The clips are mono; a loader pans each by its position and adds them up. "
    if info.variants:
        sound += f"Variants of the same samples, to see whether a model listens, are in `variants/`: {_cell(', '.join(info.variants))}. "
    return (
        f"{stats['samples']:,} samples for audio-visual segmentation: an image, the sound of some of the objects in it, and a mask of those objects. "
        f"Images and masks are COCO's; each sounding object is paired with a clip of the same category and heard where its mask is, "
        f"from left (0) to right (1). {sound}"
        f"Made with `vpo build` of avskit {_cell(info.version)} after the recipe of the VPO benchmarks (Chen et al., CVPR 2024). "
        f"It uses {stats['images']:,} images and {stats['clips']:,} clips of {stats['videos']:,} videos. "
        "`gallery/index.html`, where it was written, shows and plays samples."
    )


def _counts(info: DatasetInfo, stats: Stats) -> str:
    splits = [split for split in SPLITS if any(split in counts["samples"] for counts in stats["settings"].values())]
    rows = []
    for setting, counts in stats["settings"].items():
        ratio = counts["imbalance"]
        imbalance = f"{ratio['ratio']:.2f} ({ratio['most']} / {ratio['least']})" if ratio else ""
        numbers = [f"{counts['samples'].get(split, 0):,}" for split in splits]
        rows.append(
            [
                f"VPO-{setting.upper()}",
                *numbers,
                f"{sum(counts['sources'].values()):,}",
                f"{sum(counts['silent'].values()):,}",
                imbalance,
            ]
        )
    rules = "\n".join(
        f"* **{setting.upper()}**: {SETTING_RULES[setting]}." for setting in info.settings if setting in SETTING_RULES
    )
    return _table(["setting", *splits, "sources", "silent objects", "imbalance"], rows) + "\n\n" + rules


def _built(info: DatasetInfo, config: Mapping[str, Any], rejected: Mapping[str, int]) -> str:
    rows = [
        [f"`{name}`", f"`{_shown(name, value)}`"]
        for name, value in sorted(config.items())
        if value not in (None, [], ())
    ]
    text = f"Seed {info.seed}, layout `{info.layout}`, {info.audio} audio. {_sources(config)} All settings that decide the result:\n\n"
    text += _table(["setting", "value"], rows)
    if rejected:
        text += f"\n\n{sum(rejected.values()):,} items were left out (`rejected.jsonl` names each):\n\n"
        text += _table(
            ["reason", "items"], [[f"`{reason}`", f"{count:,}"] for reason, count in sorted(rejected.items())]
        )
    return text


def _sources(config: Mapping[str, Any]) -> str:
    pictures = _shown("coco_json", config["coco_json"]) if config.get("coco_json") else "drawn by the sample world"
    clips = _shown("clips", config["clips"]) if config.get("clips") else "synthesized by the sample world"
    return f"Images: {_cell(pictures)}. Clips: {_cell(clips)}."


def _shown(name: str, value: Any) -> str:
    """A value of the configuration, of a path only its last part."""
    if isinstance(value, list | tuple):
        return ", ".join(_shown(name, item) for item in value)
    return (PureWindowsPath(str(value)).name if name in PATHS else str(value)).replace("`", "'")


def _loading(info: DatasetInfo) -> str:
    blocks = [
        _CODE_MANIFEST.format(sound=_CODE_MIXTURE if info.audio == "render" or info.layout == "avss" else _CODE_CLIPS)
    ]
    if info.layout != "vpo":
        return "Sample by sample, run in this folder:\n\n" + blocks[0]
    tables = "\n".join(
        f'table = pd.read_csv("{vpo.csv_file(setting)}")\nprint(table.groupby(["split", "cateName"]).size())'
        for setting in info.settings
    )
    return (
        "The layout is that of the official loaders: make this folder their `audio_visual` (the `root_dataset_dir` of CAVP's configuration). "
        "Rows of VPO-MSMI with `multi_instance` 0 have their image and mask under `VPO/VPO-MS`, as the loader expects. "
        "In mask files a category is its COCO id, with 92 male, 93 female, 94 baby and 255 to be ignored.\n\n"
        f"The tables, one row per source:\n\n```python\nimport pandas as pd\n\n{tables}\n```\n\nSample by sample, run in this folder:\n\n{blocks[0]}"
    )


_CODE_MANIFEST = """```python
import json
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

samples = [json.loads(line) for line in Path("manifest.jsonl").read_text(encoding="utf-8").splitlines()]
sample = samples[0]
image = np.array(Image.open(sample["image_file"]).convert("RGB"))
mask = np.array(Image.open(sample["mask_file"]))  # one value per category
instances = np.array(Image.open(sample["instance_file"]))  # one value per object
{sound}
for source in sample["sources"]:
    pixels = instances == source["instance"]["index"]
    print(source["instance"]["category"], source["position"], pixels.sum())
```"""
_CODE_MIXTURE = 'sound, rate = soundfile.read(sample["mixture_file"])  # (n, 2), left and right'
_CODE_CLIPS = """sound = 0
for source in sample["sources"]:
    mono, rate = soundfile.read("vggsound_bench/VGGSound/audios/" + source["clip"]["id"] + ".wav")
    sound = sound + mono[:, None] * [1 - source["position"], source["position"]]  # (n, 2), left and right"""


def _limits(info: DatasetInfo) -> str:
    limits = [
        "Masks are semantic: two sounding dogs have one value, and a silent dog beside them is background. The instance maps beside the masks tell them apart.",
        "Images stand still. There is no motion, no distance and, unless rendered so, no difference in arrival time between left and right.",
        "Image and sound were never recorded together. A clip may hold more than its label says, and music or speech behind it.",
        "Male, female and baby come from captions or from a table, not from the persons themselves; captions are known to be biased. "
        "Persons without such a label never sound and aren't listed as silent.",
        "Categories are unevenly frequent; see the imbalance above.",
    ]
    if info.layout == "vpo":
        limits += [
            "The official loader turns split `val` into `test`.",
            "The official loader reads car as airplane where one mask holds both; unless `allow_colliding` is set they never sound together.",
            "The official stereo loader of VPO-SS flips images without swapping the channels.",
        ]
    return "\n".join(f"* {limit}" for limit in limits)


def _licences(stats: Stats, config: Mapping[str, Any]) -> str:
    lines = []
    if config.get("coco_json"):
        lines += [
            "* COCO annotations: CC BY 4.0.",
            "* Images: each has its own licence, given by its author on Flickr; the manifest has it for every image.",
        ]
    if config.get("clips"):
        lines.append(
            "* Clips of VGGSound: the dataset is CC BY 4.0, and the videos stay with their owners. Clips of other collections: as stated below."
        )
    if not lines:
        lines.append(
            "* All images and sounds are made by the sample world of avskit; nothing in them is anyone else's."
        )
    tables = [
        _table(
            [kind, "count"],
            [[name, f"{count:,}"] for name, count in sorted(stats[key].items(), key=lambda row: (-row[1], row[0]))],
        )
        for kind, key in (("licence of images", "image_licences"), ("licence of clips", "clip_licences"))
        if stats[key]
    ]
    return "\n\n".join(["\n".join(lines), *tables])


def _again(info: DatasetInfo, config: Mapping[str, Any]) -> str:
    sources = (
        ""
        if not (config.get("coco_json") or config.get("clips"))
        else " and the same source files, at the places that it names"
    )
    return (
        f"With avskit {_cell(info.version)}, this folder's `{CONFIG}`{sources}:\n\n"
        f"```sh\nvpo build --config {CONFIG} --out again\nvpo verify again\n```\n\n"
        "gives the same bytes, whatever the number of workers. "
        f"`checksums.sha256` holds the hash of every file; the hash of the configuration is `{_cell(info.config_sha256)}`."
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; cells are escaped, heads are ours."""
    lines = [head, ["---"] * len(head), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(text: str) -> str:
    """Text that stays text in Markdown: on one line, no table bars, no HTML."""
    return " ".join(text.replace("&", "&amp;").replace("<", "&lt;").replace("\\", "\\\\").replace("|", "\\|").split())


_CITATIONS = """```bibtex
@inproceedings{chen2024unraveling,
  title     = {Unraveling Instance Associations: A Closer Look for Audio-Visual Segmentation},
  author    = {Chen, Yuanhong and Liu, Yuyuan and Wang, Hu and Liu, Fengbei and Wang, Chong and Frazer, Helen and Carneiro, Gustavo},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},
  year      = {2024}
}
@inproceedings{lin2014microsoft,
  title     = {Microsoft {COCO}: Common Objects in Context},
  author    = {Lin, Tsung-Yi and Maire, Michael and Belongie, Serge and Hays, James and Perona, Pietro and Ramanan, Deva and
               Doll{\\'a}r, Piotr and Zitnick, C. Lawrence},
  booktitle = {European Conference on Computer Vision (ECCV)},
  year      = {2014}
}
@inproceedings{chen2020vggsound,
  title     = {{VGGSound}: A Large-Scale Audio-Visual Dataset},
  author    = {Chen, Honglie and Xie, Weidi and Vedaldi, Andrea and Zisserman, Andrew},
  booktitle = {IEEE International Conference on Acoustics, Speech and Signal Processing (ICASSP)},
  year      = {2020}
}
```"""
