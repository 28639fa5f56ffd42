"""Where a sample's files stand in the dataset folder, and the tables of each layout."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace

from evaluators import vpo
from evaluators.categories import CategoryTable
from evaluators.dataset import Sample

MORE_COLUMNS = ("sample_id", "video_id", "start", "gain", "mix_gain", "area", "instance", "truth")


def placed(sample: Sample, layout: str, audio: str) -> Sample:
    """The sample with its id and the paths of its files."""
    first = sample.sources[0].instance
    number = f"{sample.picture.id:012d}"
    name = f"{number}_{first.annotation_id:012d}" if sample.setting == "ss" else number
    sample = replace(sample, id=f"{sample.setting}_{name}")
    return _vpo(sample, name, audio) if layout == "vpo" else _avss(sample, name, audio)


def _vpo(sample: Sample, name: str, audio: str) -> Sample:
    # the official MSMI reads images and masks without a repeated category from VPO-MS
    home = "ms" if sample.setting == "msmi" and not sample.multi_instance else sample.setting
    first = sample.sources[0].instance
    place = (home, sample.picture.id, first.category)
    sample = replace(
        sample,
        image_file=vpo.image_file(*place),
        mask_file=vpo.mask_file(*place, first.annotation_id),
        instance_file=vpo.mask_file(*place, first.annotation_id, "instance"),
    )
    if audio == "reference":
        return sample
    stem = f"{vpo.folder(home)}/stems/{sample.picture.id:012d}"
    stems = tuple(f"{stem}_{source.instance.annotation_id:012d}.wav" for source in sample.sources)
    return replace(sample, mixture_file=f"{vpo.folder(home)}/mixture/{name}.wav", stem_files=stems)


def _avss(sample: Sample, name: str, audio: str) -> Sample:
    folder = f"vpo_{sample.setting}/{name}"
    stems = tuple(f"{folder}/stems/{source.instance.annotation_id:012d}.wav" for source in sample.sources)
    return replace(
        sample,
        image_file=f"{folder}/frames/0.jpg",
        mask_file=f"{folder}/labels_semantic/0.png",
        instance_file=f"{folder}/labels_instance/0.png",
        mixture_file=f"{folder}/stereo_audio.wav",
        stem_files=stems if audio == "render" else (),
    )


def tables(samples: Mapping[str, Iterable[Sample]], layout: str, categories: CategoryTable) -> dict[str, str]:
    """Text of each table file, by its path in the dataset folder."""
    if layout == "vpo":
        return {vpo.csv_file(setting): _vpo_csv(rows, categories) for setting, rows in samples.items()}
    everything = [sample for rows in samples.values() for sample in rows]
    indices = {"background": 0, **{category.name: category.index for category in categories}}
    return {"metadata.csv": _avss_csv(everything), "label2idx.json": json.dumps(indices, indent=1) + "\n"}


def _vpo_csv(samples: Iterable[Sample], categories: CategoryTable) -> str:
    """One row per source: the official columns, then ours."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*vpo.CSV_COLUMNS, *MORE_COLUMNS))
    for sample in samples:
        for source in sample.sources:
            instance, clip = source.instance, source.clip
            official = (
                sample.picture.id, instance.annotation_id, instance.category, categories[instance.category].mask_id,
                clip.id, source.position, sample.split, int(sample.multi_instance), clip.label,
            )  # fmt: skip
            ours = (
                sample.id,
                clip.video_id,
                clip.start_seconds,
                clip.gain,
                sample.mix_gain,
                instance.area,
                instance.index,
                sample.truth,
            )
            writer.writerow((*official, *ours))
    return text.getvalue()


def _avss_csv(samples: Iterable[Sample]) -> str:
    """One row per sample, the columns of AVSBench-semantic's metadata.csv first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("vid", "uid", "s_min", "s_sec", "a_obj", "split", "label", "position", "clip"))
    for sample in samples:
        folder = sample.mask_file.split("/")
        writer.writerow((
            sample.picture.id, folder[1], 0, 0, "_".join(source.instance.category for source in sample.sources), sample.split, folder[0],
            " ".join(str(source.position) for source in sample.sources), " ".join(source.clip.id for source in sample.sources),
        ))  # fmt: skip
    return text.getvalue()
