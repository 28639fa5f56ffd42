"""A corpus of bad input: for each number of the catalogue one or more ways to damage a small good world.

Most cases put a bad item beside the good ones, so that the plan of the good ones must come out unchanged to the byte.
Those that are to be used in spite of a flaw replace a good item.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from small_world import (
    RATE,
    SECONDS,
    Json,
    SmallWorld,
    burst,
    corrupted,
    film,
    picture,
    png_header,
    put,
    sizes,
    sound,
    tone,
    turned,
)

from evaluators.wav_files import encode_wav
from vpo_builder.mixing import to_pcm16
from vpo_builder.segmentation import encode_mask

Damage = Callable[[SmallWorld], list[str]]  # does it, and returns the items that the build is to name


def bad_image(change: Callable[[bytes], bytes | None], **record: Any) -> Damage:
    return lambda world: [world.add_image(change(world.photo()), **record)]


def other_image(change: Callable[[bytes], bytes]) -> Damage:
    """The good image, changed."""

    def damage(world: SmallWorld) -> list[str]:
        path = world.images / f"{world.image:012d}.jpg"
        put(path, change(world.photo()))
        return [path.name]

    return damage


def special_file(make: Callable[[Path], Any]) -> Damage:
    def damage(world: SmallWorld) -> list[str]:
        name = world.add_image(None)
        make(world.images / name)
        return [name]

    return damage


def special_clip(make: Callable[[Path], Any]) -> Damage:
    def damage(world: SmallWorld) -> list[str]:
        name = world.add_clip(None)
        make(world.clips / f"{name}.wav")
        return [name]

    return damage


def bad_polygon(*polygons: Any) -> Damage:
    return lambda world: [world.add_annotation(list(polygons))]


def bad_clip(content: bytes | Callable[[], bytes], suffix: str = ".wav") -> Damage:
    return lambda world: [world.add_clip(content if isinstance(content, bytes) else content(), suffix)]


def other_clip(change: Callable[[Any], bytes]) -> Damage:
    """The good clip, changed; ``change`` is given its int16 samples."""

    def damage(world: SmallWorld) -> list[str]:
        put(world.clips / world.clip, change(world.pcm()))
        return [world.clip]

    return damage


def bad_json(change: Callable[[Json], Any]) -> Damage:
    def damage(world: SmallWorld) -> list[str]:
        world.edit(change)
        return [str(world.json)]

    return damage


def bad_json_text(change: Callable[[str], str]) -> Damage:
    def damage(world: SmallWorld) -> list[str]:
        put(world.json, change(world.json.read_text()).encode())
        return [str(world.json)]

    return damage


def behind_a_link(world: SmallWorld) -> list[str]:
    """The good image and the good clip lie elsewhere, behind links."""
    for path in (world.images / f"{world.image:012d}.jpg", world.clips / world.clip):
        elsewhere = world.folder / f"elsewhere {path.name}"
        path.rename(elsewhere)
        path.symlink_to(elsewhere)
    return []


def box_rle(world: SmallWorld) -> str:
    """Run lengths of a box that fits the good image."""
    record = world.record()
    mask = np.zeros((record["height"], record["width"]), bool)
    mask[50:120, 60:160] = True
    return encode_mask(mask)


def run_lengths(counts: Any, swap: bool = False) -> Damage:
    """An annotation with these run lengths (or what a function makes of the world), in the size of the image or with its sides swapped."""

    def damage(world: SmallWorld) -> list[str]:
        record = world.record()
        size = [record["height"], record["width"]]
        return [
            world.add_annotation(
                {"size": size[::-1] if swap else size, "counts": counts(world) if callable(counts) else counts}
            )
        ]

    return damage


def leaving_polygon(world: SmallWorld) -> list[str]:
    """The outline of an object of the good image goes on beyond its left side."""
    rows = world.content()
    found = next(a for a in rows["annotations"] if a["id"] in world.sounding and isinstance(a["segmentation"], list))

    def change(rows: Json) -> None:
        outline = next(a for a in rows["annotations"] if a["id"] == found["id"])["segmentation"][0]
        outline[outline.index(min(outline[::2]))] = -4

    world.edit(change)
    return [f"image {world.image} annotation {found['id']}"]


def crowd(world: SmallWorld) -> list[str]:
    """A crowd in an image that shows a category twice, where it changes the plan of nothing else."""
    record = world.record(world.crowded)
    height, width = record["height"], record["width"]
    world.add_annotation(
        {"size": [height, width], "counts": [0, 3 * height, height * (width - 3)]},
        iscrowd=1,
        image_id=world.crowded,
        category_id=world.absent(world.crowded),
    )
    return []


def nan_area(world: SmallWorld) -> list[str]:
    world.add_annotation([[1, 1, 9, 1, 9, 2]], area=float("nan"))
    return []


def strange_category(world: SmallWorld) -> list[str]:
    for _ in range(3):
        world.add_annotation([[10, 10, 90, 10, 90, 90]], category_id=9999)
    return ["category id 9999"]


def no_known_category(world: SmallWorld) -> list[str]:
    for path in sorted(world.json.parent.glob("instances*")):
        content = json.loads(path.read_text())
        for category in content["categories"]:
            category["name"] = f"thing {category['id']}"
        put(path, json.dumps(content).encode())
    return [str(world.json)]


def foreign_file(world: SmallWorld) -> list[str]:
    """One more instances file, of other things."""
    content = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "unicorn"}]}
    put(world.json.with_name("instances_of_unicorns.json"), json.dumps(content).encode())
    return ["instances_of_unicorns.json"]


def repeated(kind: str, **changes: Any) -> Damage:
    """The first record of a kind once more, with changes."""
    return bad_json(lambda rows: rows[kind].append({**rows[kind][0], **changes}))


def copied_clip(world: SmallWorld) -> list[str]:
    return [world.add_clip((world.clips / world.clip).read_bytes())]


def two_labels(world: SmallWorld) -> list[str]:
    content = sound(tone(777))
    return [world.add_clip(content, label="dog barking"), world.add_clip(content, label="cat meowing")]


def dashed_name(world: SmallWorld) -> list[str]:
    """The video id of the good clip begins with a dash, as one in 32 of YouTube's does."""
    new = "-" + world.clip[1:]
    put(
        world.table,
        world.table.read_bytes().replace(b"\n" + world.clip[:11].encode(), b"\n-" + world.clip[1:11].encode()),
    )
    (world.clips / world.clip).rename(world.clips / new)
    return []


def loud_clips(world: SmallWorld) -> list[str]:
    """Every clip at full scale for most of the time, each at another pitch."""
    for number, path in enumerate(sorted(world.clips.iterdir())):
        put(path, sound(np.tanh(3 * tone(300 + number, 1.0)) * 0.999))
    return []


def unsafe_image(name: str) -> Damage:
    return lambda world: [ascii(world.add_image(None, file_name=name)[:80])[1:-1]]


def unsafe_clip(name: str) -> Damage:
    def damage(world: SmallWorld) -> list[str]:
        world.add_row(f"{name},7,{world.label},train")
        return [repr(f"{name}_000007")]

    return damage


# ------------------------------------------------------------------------------------------------------ the table


@dataclass(frozen=True)
class Case:
    """``name`` begins with the number in the catalogue.

    ``outcome``: ``reject`` the item goes to rejected.jsonl and everything else is as without it; ``warn`` it is used and stands
    in warnings.jsonl; ``accept`` it is used without a word; ``abort`` there is no dataset and one line that says why.
    """

    name: str
    damage: Damage
    outcome: str
    reason: str = ""
    flags: tuple[str, ...] = ()
    crashes: bool = False  # libraries die of it: run in a process of its own
    same_plan: bool = True  # whether used material leaves the plan as it was


HTML = b"<!DOCTYPE html><html><head><title>404 Not Found</title></head></html>"

IMAGES = [
    Case("1 cut at 60 %", bad_image(lambda jpeg: jpeg[: len(jpeg) * 6 // 10]), "reject", "image-truncated"),
    Case("2 without its last two bytes", bad_image(lambda jpeg: jpeg[:-2]), "reject", "image-truncated"),
    Case("3 twenty changed bytes", other_image(corrupted), "accept"),
    Case("4 no bytes", bad_image(lambda _: b""), "reject", "empty-file"),
    Case("5 an error page", bad_image(lambda _: HTML), "reject", "not-an-image"),
    Case("6 CMYK", other_image(lambda jpeg: picture(jpeg, "JPEG", "CMYK")), "warn", "image-cmyk"),
    Case("7 grey", other_image(lambda jpeg: picture(jpeg, "JPEG", "L")), "warn", "image-grey"),
    Case("8 EXIF orientation 6", other_image(turned), "warn", "image-exif-rotated"),
    Case(
        "8b EXIF orientation 6 and the turned size", bad_image(turned, width=240, height=320), "reject", "size-mismatch"
    ),
    Case("9 another size", bad_image(lambda jpeg: jpeg, width=100, height=90), "reject", "size-mismatch"),
    Case("10 GIF", bad_image(lambda jpeg: picture(jpeg, "GIF")), "reject", "not-an-image"),
    Case("10b WebP", bad_image(lambda jpeg: picture(jpeg, "WEBP")), "reject", "not-an-image"),
    Case("10c EPS", bad_image(lambda jpeg: picture(jpeg, "EPS")), "reject", "not-an-image"),
    Case(
        "11 400 megapixels",
        bad_image(lambda _: png_header(20_000, 20_000), width=20_000, height=20_000),
        "reject",
        "image-too-large",
    ),
    Case(
        "11b 60 megapixels",
        bad_image(lambda _: png_header(10_000, 6_000), width=10_000, height=6_000),
        "reject",
        "image-too-large",
    ),
    Case(
        "12 one pixel", bad_image(lambda _: picture(png_header(1, 1), "PNG"), width=1, height=1), "reject", "too-small"
    ),
    Case("13 missing", bad_image(lambda _: None), "reject", "image-missing"),
    Case("14 a folder", special_file(lambda path: path.mkdir()), "reject", "not-a-file"),
    Case("14b a pipe", special_file(os.mkfifo), "reject", "not-a-file"),
    Case("14c a socket", special_file(lambda path: os.mknod(path, stat.S_IFSOCK)), "reject", "not-a-file"),
    Case("14d a link to nowhere", special_file(lambda path: path.symlink_to("nowhere")), "reject", "image-missing"),
    Case("14e a link to itself", special_file(lambda path: path.symlink_to(path)), "reject", "image-unreadable"),
    Case("15 behind a link", behind_a_link, "accept"),
]
OUTLINES = [
    Case("16 no polygon", bad_polygon(), "reject", "empty-polygon"),
    Case("16b an empty polygon", bad_polygon([]), "reject", "empty-polygon"),
    Case("17 two numbers", bad_polygon([10, 20]), "reject", "degenerate-polygon"),
    Case("18 four numbers", bad_polygon([10, 20, 30, 40]), "reject", "degenerate-polygon"),
    Case("19 an odd count", bad_polygon([10, 10, 90, 10, 90, 90, 10]), "reject", "polygon-odd"),
    Case("20 NaN", bad_polygon([10, 10, float("nan"), 10, 90, 90]), "reject", "polygon-nonfinite", crashes=True),
    Case("20b infinite", bad_polygon([10, 10, float("-inf"), 10, 90, 90]), "reject", "polygon-nonfinite", crashes=True),
    Case("21 a coordinate of 1e9", bad_polygon([10, 10, 1e9, 10, 90, 90]), "reject", "polygon-out-of-range", crashes=True),
    Case("22 outside", bad_polygon([-90, 10, -10, 10, -10, 90]), "reject", "empty-mask"),
    Case("23 negative coordinates", leaving_polygon, "warn", "polygon-clipped"),
    Case("24 run lengths for too few pixels", run_lengths([100, 200]), "reject", "rle-counts-mismatch", crashes=True),
    Case("24b a string for too few pixels", run_lengths("d3T6"), "reject", "rle-garbage", crashes=True),
    Case("25 run lengths for too many pixels", run_lengths([0, 10_000_000]), "reject", "rle-counts-mismatch"),
    Case("25b garbage", run_lengths("\u00e9\x7f~~ &"), "reject", "rle-garbage"),
    Case("25c not UTF-8", lambda world: [*run_lengths("d3T6X")(world), *_replaced_bytes(world, b"d3T6X", b"\xff\xfe")][:1], "reject", "rle-garbage"),
    Case("26 a string cut in half", run_lengths(lambda world: box_rle(world)[:20]), "reject", "rle-garbage"),
    Case("27 another size", run_lengths(box_rle, swap=True), "reject", "rle-size-mismatch"),
    Case(
        "28 size 100000 squared", lambda world: [world.add_annotation({"size": [100_000, 100_000], "counts": [0, 10**10]})],
        "reject", "rle-size-mismatch", crashes=True,
    ),
    Case("29 a crowd", crowd, "accept"),
]  # fmt: skip
RECORDS = [
    Case("30 an unknown category", strange_category, "warn", "unknown-category"),
    Case("30b no known category", no_known_category, "abort", "no-known-category"),
    Case("30c no known category in one file of two", foreign_file, "warn", "no-known-category"),
    Case("31 an image id twice", repeated("images", file_name="other.jpg"), "abort", "duplicate-id"),
    Case("32 an annotation id twice", repeated("annotations", category_id=18), "abort", "duplicate-id"),
    Case("33 a category id twice", repeated("categories", name="unicorn"), "abort", "duplicate-category"),
    Case("33b a category name twice", repeated("categories", id=4711), "abort", "duplicate-category"),
    Case(
        "34 an unknown image",
        lambda world: [world.add_annotation([[10, 10, 90, 10, 90, 90]], image_id=777)],
        "reject",
        "unknown-image",
    ),
    Case(
        "35 a key twice",
        bad_json_text(lambda text: text.replace('"iscrowd":', '"iscrowd": 0, "iscrowd":', 1)),
        "abort",
        "duplicate-key",
    ),
    Case("35b NaN where nothing is read", nan_area, "accept"),
    Case("35c 1e999", lambda world: [_huge_number(world)], "reject", "polygon-nonfinite"),
    Case("36 nested too deep", bad_json_text(lambda text: '{"images":' + "[" * 200_000), "abort", "json-type"),
    Case("36c nothing but brackets", bad_json_text(lambda text: "[" * 200_000), "abort", "json-type"),
    Case(
        "36b an outline nested too deep",
        bad_json_text(lambda text: text.replace("[[", "[" * 200_000, 1)),
        "abort",
        "json-too-deep",
    ),
    Case("37 out of the folder", unsafe_image("../../etc/passwd"), "reject", "unsafe-path"),
    Case("37b absolute", unsafe_image("/etc/passwd"), "reject", "unsafe-path"),
    Case("37c with a drive", unsafe_image("C:\\Windows\\win.ini"), "reject", "unsafe-path"),
    Case("37d with a zero byte", unsafe_image("a\0b.jpg"), "reject", "unsafe-path"),
    Case("37e a device", unsafe_image("CON.jpg"), "reject", "unsafe-path"),
    Case("37f a line break", unsafe_image("two\nlines.jpg"), "reject", "unsafe-path"),
    Case("37g too long", unsafe_image("long" * 60 + ".jpg"), "reject", "unsafe-path"),
    Case("37h out of the clip folder", unsafe_clip("../../etc/passwd"), "reject", "unsafe-path"),
    Case("37i an absolute clip", unsafe_clip("/etc/passwd"), "reject", "unsafe-path"),
    Case("37j with backslashes", unsafe_image("..\\..\\secret.jpg"), "reject", "unsafe-path"),
    Case("38 an id as text", repeated("annotations", id="7"), "abort", "json-type"),
    Case("38b an id with a fraction", repeated("annotations", id=7.5), "abort", "json-type"),
    Case("38c an id of 61 bits", repeated("annotations", id=2**60), "abort", "json-type"),
    Case("38d a negative id", repeated("images", id=-3), "abort", "json-type"),
    Case("39 cut in half", bad_json_text(lambda text: text[: len(text) // 2]), "abort", "json-malformed"),
    Case(
        "39c not UTF-8",
        lambda world: _replaced_bytes(world, b"000000000001.jpg", b"\xff.jpg"),
        "abort",
        "json-malformed",
    ),
    Case("39b empty", bad_json_text(lambda text: ""), "abort", "json-malformed"),
]
SOUNDS = [
    Case("40 cut in half", bad_clip(lambda: sound(tone())[:32_000]), "reject", "audio-truncated"),
    Case("41 a stream's sizes", other_clip(lambda pcm: sizes(sound(pcm), 2**32 - 1, 2**32 - 1)), "accept"),
    Case("42 no samples", bad_clip(sound(np.zeros(0))), "reject", "audio-empty"),
    Case("42b sizes of 0 and no samples", bad_clip(sizes(sound(np.zeros(0)), 0, 0)), "reject", "audio-empty"),
    Case("43 a header of 20 bytes", bad_clip(sound(tone())[:20]), "reject", "audio-unreadable"),
    Case("43b no bytes", bad_clip(b""), "reject", "audio-unreadable"),
    Case("43c an error page", bad_clip(HTML), "reject", "audio-unreadable"),
    Case("43d an mp4 named .wav", bad_clip(lambda: film(with_sound=True)), "reject", "audio-unreadable"),
    Case("44 FLAC cut in half", bad_clip(lambda: _half(sound(tone(), form="FLAC")), ".flac"), "reject", "audio-"),
    Case(
        "44b FLAC with noise in it",
        bad_clip(lambda: _scrambled(sound(tone(), form="FLAC")), ".flac"),
        "reject",
        "audio-",
    ),
    Case("45 NaN", bad_clip(lambda: sound(burst((9_000, np.nan)), subtype="FLOAT")), "reject", "audio-nonfinite"),
    Case(
        "45b infinite", bad_clip(lambda: sound(burst((9_000, -np.inf)), subtype="FLOAT")), "reject", "audio-nonfinite"
    ),
    Case("45c 1e30", bad_clip(lambda: sound(burst((9_000, 1e30)), subtype="FLOAT")), "reject", "audio-out-of-range"),
    Case(
        "45d stereo at the end of all floats",
        bad_clip(lambda: sound(np.full((9_000, 2), 3e38), subtype="FLOAT")),
        "reject",
        "audio-nonfinite",
    ),
    Case("46 silent", bad_clip(sound(np.zeros(RATE * SECONDS))), "reject", "audio-silent"),
    Case("46b at -66 dBFS", bad_clip(lambda: sound(tone(441, 0.0005))), "reject", "audio-silent"),
    Case("47 an offset", other_clip(lambda pcm: sound(pcm // 4 + 12_000)), "warn", "audio-dc"),
    Case(
        "47b clipped",
        other_clip(lambda pcm: sound(np.clip(pcm.astype(int) * 40, -32_768, 32_767).astype(np.int16))),
        "warn",
        "audio-clipped",
    ),
    Case("48 stereo", other_clip(lambda pcm: sound(np.stack([pcm] * 2, 1))), "accept"),
    Case("48b 5.1", other_clip(lambda pcm: sound(np.stack([pcm] * 6, 1))), "accept"),
    Case("49 8 kHz", other_clip(lambda pcm: sound(pcm[::2], 8_000)), "warn", "below-target-rate"),
    Case(
        "50 1 Hz", bad_clip(lambda: encode_wav(to_pcm16(tone().astype(np.float32)), 1)), "reject", "rate-out-of-range"
    ),
    Case(
        "50b 3 MHz",
        bad_clip(lambda: encode_wav(to_pcm16(tone().astype(np.float32)), 3_000_000)),
        "reject",
        "rate-out-of-range",
    ),
    Case("51 half a second, looped", other_clip(lambda pcm: sound(pcm[: RATE // 2])), "accept"),
    Case(
        "51b half a second, padded", other_clip(lambda pcm: sound(pcm[: RATE // 2])), "accept", flags=("--short", "pad")
    ),
    Case(
        "51c half a second, not wanted",
        bad_clip(lambda: sound(tone(seconds=0.5))),
        "reject",
        "audio-too-short",
        flags=("--short", "reject"),
    ),
    Case("52 29 samples more", other_clip(lambda pcm: sound(np.concatenate([pcm, pcm[:29]]))), "accept"),
    Case("53 a film without sound", bad_clip(lambda: film(with_sound=False), ".mp4"), "reject", "no-audio"),
    Case(
        "54 a film without its index",
        bad_clip(lambda: _without_index(film(with_sound=True)), ".mp4"),
        "reject",
        "audio-unreadable",
    ),
    Case("55 a name with a dash", dashed_name, "accept", same_plan=False),
    Case("56 listed and missing", lambda world: [world.add_clip(None)], "reject", "clip-missing"),
    Case("56b a folder", special_clip(lambda path: path.mkdir()), "reject", "not-a-file"),
    Case("56c a pipe", special_clip(os.mkfifo), "reject", "not-a-file"),
    Case("56d a link to itself", special_clip(lambda path: path.symlink_to(path)), "reject", "clip-missing"),
    Case("57 under two names", copied_clip, "reject", "duplicate-clip"),
    Case("57b under two labels", two_labels, "reject", "ambiguous-label"),
    Case("58 a mixture over full scale", loud_clips, "accept", flags=("--audio", "render")),
]
CASES = IMAGES + OUTLINES + RECORDS + SOUNDS


def _huge_number(world: SmallWorld) -> str:
    item = world.add_annotation([[10, 10, 123_456, 10, 90, 90]])
    put(world.json, world.json.read_bytes().replace(b"123456", b"1e999"))
    return item


def _replaced_bytes(world: SmallWorld, old: bytes, new: bytes) -> list[str]:
    put(world.json, world.json.read_bytes().replace(old, new))
    return [str(world.json)]


def _half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _scrambled(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + np.random.default_rng(0).bytes(400) + content[middle + 400 :]


def _without_index(content: bytes) -> bytes:
    return content[: content.rindex(b"moov") - 4]
