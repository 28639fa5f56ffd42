"""The official layout of AVSBench-semantic (AVSS): label maps of 70 categories and the background.

::

    metadata.csv        vid, uid, s_min, s_sec, a_obj, split, label          label: v1s, v1m or v2
    label2idx.json      71 names; counted from 1 in copies that are about, from 0 in the masks: only its order is used
    <label>/<uid>/      frames/{0..}.jpg  labels_rgb/{0..}.png  labels_semantic/{0..}.png  audio.wav

v1s and v1m have 5 frames, v2 has 10; of v1s/train only the first has a mask. labels_semantic holds indices, labels_rgb the
same in the colours of PASCAL VOC's map. The official loader fills each video up to 10 frames with black pictures and
label 0, and scores those too (``padded_frames``); COMBO, Stepping-Stones and CAVP score only what is annotated.

The order of the categories is that of the colours: two public copies of label2idx.json, and a public list with colours
made for another model, agree in all 71; the names are those of metadata.csv's a_obj. A folder's own label2idx.json wins.

Source: AVSBench f7414af ``avss/color_dataloader.py``; CAVP 96a6c34 ``dataset/avss/visual/visual_dataset.py``.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path

from .annotation_tables import Column, number_of, read_table
from .categories import VOID, voc_colour
from .errors import DataError
from .ground_truth import LABELS, GroundTruth, GtFrame, GtSample, Selection
from .gt_reading import choose, names_in, safe, scope, settled, some, tell_incomplete
from .videos import Frame, Video, VideoSet

TABLE, NAMES = "metadata.csv", "label2idx.json"
HEADER = ("vid", "uid", "s_min", "s_sec", "a_obj", "split", "label")
INDICES, COLOURS = "labels_semantic", "labels_rgb"
FRAMES = {"v1s": 5, "v1m": 5, "v2": 10}
PADDED_TO = 10
FIRST_ONLY = ("v1s", "train")  # whose videos have one mask
STRICT = frozenset({"val", "test"})  # splits in which every frame has a mask
FOLDERS = ("", "AVSS/", "AVSBench-semantic/", "AVSBench_semantic/", "avs_released/")
COLUMNS = (
    Column(("uid",), 1),
    Column(("label",), 6),
    Column(("split",), 5),
    Column(("a_obj",), 4, required=False),
    Column(("s_min",), required=False),
    Column(("s_sec",), required=False),
)
FORMS = (  # of a frame's name
    "{folder}/{kind}/{{}}",
    "{uid}/{kind}/{{}}",
    "{label}/{uid}/{{}}",
    "{uid}/{{}}",
    "{uid}/{uid}_{{}}",
    "{uid}_{{}}",
)
NO_CATEGORY = "off-the-screen"  # in a_obj: something sounds that isn't seen
NUMBERS = {f"{number}.png": number for number in range(1000)}
LIMIT = 1 << 20  # bytes of label2idx.json


def recognises(folder: Path) -> bool:
    """Whether metadata.csv and a folder of one of its sets are in the folder, or in a folder in it of a usual name."""
    return _prefix(folder) is not None


def read(folder: Path, selection: Selection) -> GroundTruth:
    """The videos of a split and of the chosen sets. Raises ``DataError``: ``bad-selection``, ``gt-incomplete``, ``csv-...``."""
    prefix = _prefix(folder)
    if prefix is None:
        raise DataError("unknown-layout", folder, f"found no {TABLE} beside folders v1s, v1m or v2")
    table = read_table(folder / prefix / TABLE, COLUMNS)
    rows = choose(table.rows, lambda row: (row[2], row[1]), selection, folder / prefix / TABLE)
    categories = _categories(folder / prefix)
    samples = _samples(folder, prefix, rows, frozenset(categories[1:]))
    return GroundTruth(
        folder,
        "avss",
        LABELS,
        settled(samples, folder / prefix / TABLE, in_order=True),
        categories,
        colours={voc_colour(index): index for index in range(len(categories))},
        remarks=(scope(samples), *table.remarks, *_faults(rows, categories)),
    )


def _prefix(root: Path, *, alone: bool = False) -> str | None:
    """Where the table stands: beside a folder of one of its sets or its names, or ``alone`` where it has the official columns."""
    for prefix in FOLDERS:
        table = root / prefix / TABLE
        if table.is_file() and (
            any((root / prefix / label).is_dir() for label in FRAMES)
            or (root / prefix / NAMES).is_file()
            or (alone and _is_official(table))
        ):
            return prefix
    return None


def _is_official(table: Path) -> bool:
    """Whether the first line of a file has all columns of the official table; ``metadata.csv`` is a name that many use."""
    with open(table, "rb") as stream:
        line = stream.readline(1000).decode("utf-8-sig", "replace")
    return set(HEADER) <= {name.strip().strip('"') for name in line.split(",")}


def videos(folder: Path) -> VideoSet | None:
    """All videos of the table, with every file that they should have: masks for all frames, of v1s/train for the first.

    The table may stand alone. Raises ``DataError``: ``csv-...``, ``unsafe-path``, ``bad-category``.
    """
    prefix = _prefix(folder, alone=True)
    if prefix is None:
        return None
    table = read_table(folder / prefix / TABLE, COLUMNS)
    categories = _categories(folder / prefix)
    kind, _ = _listed(folder, [_folder(folder, prefix, row) for row in table.rows])
    return VideoSet(
        "avss",
        folder,
        folder / prefix / TABLE,
        LABELS,
        tuple(_video(folder, prefix, kind, row, frozenset(categories[1:])) for row in table.rows),
        categories,
        colours={voc_colour(index): index for index in range(len(categories))},
        remarks=(*table.remarks, *_faults(table.rows, categories)),
    )


def gt_sample(video: Video) -> GtSample:
    """The annotated frames of a video, with all the names that predictions of them go by."""
    folder, _, _ = video.frames[0].mask_file.rpartition("/")
    folder, _, kind = folder.rpartition("/")
    names = tuple(form.format(folder=folder, kind=kind, label=video.setting, uid=video.id) for form in FORMS)
    frames = tuple(
        [GtFrame(frame.number, frame.mask_file, frame.image_file, names) for frame in video.frames if frame.mask_file]
    )
    return GtSample(
        id=video.id,
        frames=frames,
        split=video.split,
        setting=video.setting,
        category=video.category,
        sources=len(video.sounding) or None,
        audio_file=video.audio_file,
        padded_frames=PADDED_TO - len(frames) if video.setting in FRAMES else 0,
        names=(f"{video.setting}/{video.id}", video.id),
    )


def _samples(root: Path, prefix: str, rows: Sequence[tuple[str, ...]], known: frozenset[str]) -> list[GtSample]:
    kind, listed = _listed(root, [_folder(root, prefix, row) for row in rows])
    missing: list[str] = []
    extra: list[str] = []
    samples = []
    for row, names in zip(rows, listed, strict=True):
        numbers = _numbers(names)
        _, label, split, *_ = row
        count = FRAMES[label] if split in STRICT and label in FRAMES else max(len(numbers), 1)
        folder = f"{_folder(root, prefix, row)}/{kind}"
        missing += [f"{folder}/{number}.png" for number in range(count) if number not in numbers]
        extra += [f"{folder}/{number}.png" for number in sorted(numbers) if number >= count]
        samples.append(gt_sample(_video(root, prefix, kind, row, known, count)))
    tell_incomplete(root, missing, extra)
    return samples


def _folder(root: Path, prefix: str, row: Sequence[str]) -> str:
    return safe(root, f"{prefix}{row[1]}/{row[0]}")


def _video(
    root: Path, prefix: str, kind: str, row: Sequence[str], known: frozenset[str], annotated: int | None = None
) -> Video:
    """The video of a row, with masks of the first ``annotated`` frames, by default of as many as the layout says."""
    uid, label, split, objects, *start = row
    sounding = sounding_of(objects, known)
    folder, whole = _folder(root, prefix, row), len(sounding) == 1 and "_" not in objects
    video = placed(uid, label, split, sounding, _seconds(*start), folder=folder, kind=kind, annotated=annotated)
    return video if whole else replace(video, category="")


def placed(
    uid: str,
    label: str,
    split: str,
    sounding: tuple[str, ...] = (),
    start_seconds: float | None = None,
    *,
    folder: str = "",
    kind: str = INDICES,
    annotated: int | None = None,
) -> Video:
    """A video with every file where the layout has it: in ``folder``, by default ``<label>/<uid>``.

    ``annotated``: how many frames have a mask; by default the first of v1s/train, else all.
    """
    folder = folder or f"{label}/{uid}"
    count = FRAMES.get(label, FRAMES["v1s"])
    if annotated is None:
        annotated = 1 if (label, split) == FIRST_ONLY else count
    return Video(
        id=uid,
        setting=label,
        split=split,
        frames=tuple(
            [
                Frame(n, f"{folder}/frames/{n}.jpg", f"{folder}/{kind}/{n}.png" if n < annotated else "")
                for n in range(max(count, annotated))
            ]
        ),
        category=sounding[0] if len(sounding) == 1 else "",
        sounding=sounding,
        audio_file=f"{folder}/audio.wav",
        start_seconds=start_seconds,
    )


def sounding_of(objects: str, known: frozenset[str]) -> tuple[str, ...]:
    """The categories that a_obj names, each once; () where one of its words is none. A space in a word is a slip of the key."""
    words = dict.fromkeys(word if word in known else word.replace(" ", "") for word in objects.split("_"))
    return tuple(words) if known.issuperset(words) else ()


def _seconds(minutes: str, seconds: str) -> float | None:
    whole, rest = number_of(minutes or "0"), number_of(seconds)
    return None if whole is None or rest is None else 60 * whole + rest


def _listed(root: Path, folders: Sequence[str]) -> tuple[str, list[set[str]]]:
    """The kind of masks that is taken, the same for all: indices where any video has them; and the names in each folder."""
    for kind in (INDICES, COLOURS):
        listed = [names_in(f"{root}/{folder}/{kind}") for folder in folders]
        if any(listed):
            return kind, listed
    return INDICES, listed


def _numbers(names: Iterable[str]) -> set[int]:
    return {NUMBERS[name] for name in names if name in NUMBERS}


def _faults(rows: Sequence[tuple[str, ...]], categories: Sequence[str]) -> Iterator[str]:
    """What a_obj says that is no category."""
    named = Counter(name for row in rows for name in filter(None, row[3].split("_")))
    strange = sorted(named.keys() - set(categories) - {NO_CATEGORY})
    mended = [name for name in strange if name.replace(" ", "") in categories]
    for name in mended:
        yield f"{TABLE} names {name!r} in a_obj, which is taken for {name.replace(' ', '')}"
    if len(strange) > len(mended):
        unknown = [ascii(name)[:60] for name in strange if name not in mended]
        yield f"{TABLE} names in a_obj what is no category: {some(unknown)}"
    if named[NO_CATEGORY]:
        yield f"{named[NO_CATEGORY]:,} videos have a sound from off the screen"


def _categories(folder: Path) -> tuple[str, ...]:
    path = folder / NAMES
    return read_names(path) if path.is_file() else avss_categories()


@cache
def avss_categories() -> tuple[str, ...]:
    """The 71 names by index, background first."""
    text = resources.files(__package__).joinpath("data/avss_categories.csv").read_text(encoding="utf-8")
    rows = sorted((int(row["index"]), row["name"]) for row in csv.DictReader(text.splitlines()))
    return tuple(name for _, name in rows)


def read_names(path: Path) -> tuple[str, ...]:
    """Names of a label2idx.json in the order of their numbers, which start at 0 or 1 with the background.

    Raises ``DataError`` ``bad-category``.
    """
    expected = 'expected {"background": 0, "<name>": 1, ...} without gaps'
    try:
        if path.stat().st_size > LIMIT:
            raise ValueError(f"more than {LIMIT:,} bytes")
        numbers = json.loads(path.read_text(encoding="utf-8-sig"))
        names = {number: name for name, number in numbers.items() if type(number) is int}
        first = min(names)
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise DataError("bad-category", path, f"can't be read ({error}); {expected}") from error
    whole = len(names) == len(numbers) <= VOID and sorted(names) == list(range(first, first + len(names)))
    if not whole or first not in (0, 1) or names[first].lower() != "background":
        raise DataError("bad-category", path, f"found {len(numbers)} names from {first}; {expected}")
    return tuple(names[number] for number in sorted(names))
