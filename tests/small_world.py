"""A small COCO and VGGSound folder that tests may damage, and pictures and sounds to do it with."""

from __future__ import annotations

import json
import os
import shutil
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from PIL import Image

from evaluators.wav_files import encode_wav
from vpo_builder.audio_files import read_mono
from vpo_builder.mixing import to_pcm16
from vpo_builder.world import write_world

RATE, SECONDS = 16_000, 2
ADDED = 990_000_000  # ids of bad annotations begin here
Json = dict[str, Any]


@dataclass
class SmallWorld:
    """A small COCO and VGGSound folder that a test may damage; what the fields name is used by its build."""

    folder: Path
    image: int = 1
    sounding: tuple[int, ...] = ()  # annotations of that image
    crowded: int = 1  # an image that shows a category twice
    clip: str = ""
    label: str = ""  # of that clip
    added: int = 0

    @property
    def json(self) -> Path:
        return self.folder / "coco/annotations/instances_train2017.json"

    @property
    def images(self) -> Path:
        return self.folder / "coco/train2017"

    @property
    def table(self) -> Path:
        return self.folder / "vggsound/vggsound.csv"

    @property
    def clips(self) -> Path:
        return self.folder / "vggsound/audio"

    def flags(self) -> list[str]:
        """What makes `vpo build` read this world."""
        flags = ["--clips", str(self.table), "--clip-dir", str(self.clips)]
        for split in ("train", "val"):
            notes = self.folder / "coco/annotations"
            flags += [
                "--coco-json",
                str(notes / f"instances_{split}2017.json"),
                "--coco-images",
                str(self.folder / f"coco/{split}2017"),
            ]
            flags += ["--captions", str(notes / f"captions_{split}2017.json")]
        for more in sorted(self.json.parent.glob("instances_of_*")):
            flags += ["--coco-json", str(more), "--coco-images", str(self.images)]
        return flags

    def copy(self, folder: Path) -> SmallWorld:
        """The same world elsewhere, of hard links: files are only ever replaced."""
        shutil.copytree(self.folder, folder, copy_function=os.link)
        return replace(self, folder=folder)

    def content(self) -> Json:
        """The instances file, which may hold bytes that are no UTF-8."""
        return json.loads(self.json.read_text(encoding="utf-8", errors="surrogateescape"))

    def edit(self, change: Callable[[Json], Any]) -> None:
        """Change the content of the instances file."""
        content = self.content()
        change(content)
        put(self.json, json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogateescape"))

    def record(self, image: int | None = None) -> Json:
        """The row of an image in the instances file."""
        return next(row for row in self.content()["images"] if row["id"] == (image or self.image))

    def photo(self) -> bytes:
        return (self.images / f"{self.image:012d}.jpg").read_bytes()

    def pcm(self) -> Any:
        """The good clip, int16 (samples,)."""
        return soundfile.read(self.clips / self.clip, dtype="int16")[0]

    def absent(self, image: int | None = None) -> int:
        """The id of a category that can sound and is not in an image."""
        content = self.content()
        present = {
            row["category_id"]
            for row in content["annotations"]
            if row["image_id"] == (image or self.image) and row["id"] < ADDED
        }
        return next(
            row["id"]
            for row in content["categories"]
            if row["name"] in ("dog", "cat", "zebra", "cow", "horse") and row["id"] not in present
        )

    def add_image(self, content: bytes | None, **changes: Any) -> str:
        """One more image with the annotations of the good one; its file name."""
        self.added += 1
        number = 900_000 + self.added
        row = {**self.record(), "id": number, "file_name": f"{number:012d}.jpg", **changes}

        def change(rows: Json) -> None:
            copies = [dict(a) for a in rows["annotations"] if a["image_id"] == self.image]
            rows["images"].append(row)
            rows["annotations"] += [{**a, "id": 100 * number + n, "image_id": number} for n, a in enumerate(copies)]

        self.edit(change)
        if content is not None:
            put(self.images / row["file_name"], content)
        return str(row["file_name"])

    def add_annotation(self, segmentation: Any, **changes: Any) -> str:
        """One more annotation of the good image, of a category that it doesn't show; what the build calls it."""
        self.added += 1
        row = {
            "id": ADDED + self.added,
            "image_id": self.image,
            "category_id": self.absent(),
            "iscrowd": 0,
            "segmentation": segmentation,
            **changes,
        }
        self.edit(lambda rows: rows["annotations"].append(row))
        return f"image {row['image_id']} annotation {row['id']}"

    def add_clip(self, content: bytes | None, suffix: str = ".wav", label: str = "") -> str:
        """One more clip; its file name."""
        self.added += 1
        name = f"BadClip{self.added:04d}"
        self.add_row(f'{name},7,"{label or self.label}",train')
        if content is not None:
            put(self.clips / f"{name}_000007{suffix}", content)
        return f"{name}_000007{suffix}" if content is not None else f"{name}_000007"

    def add_row(self, row: str) -> None:
        put(self.table, self.table.read_bytes() + row.encode() + b"\n")


def put(path: Path, content: bytes) -> None:
    """Write a file anew, whatever other names the old one has."""
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def small_world(factory: pytest.TempPathFactory) -> SmallWorld:
    """The world that all tests of a session start from; copy it before it is damaged."""
    folder = factory.getbasetemp() / "small-world"
    return SmallWorld(folder) if folder.exists() else make_small_world(folder)


def make_small_world(folder: Path) -> SmallWorld:
    """Ten images, three clips of two seconds for each category."""
    world = SmallWorld(folder)
    write_world(folder, images=10, clips_per_category=3, seed=0)
    for path in sorted(world.clips.iterdir()):
        pcm = to_pcm16(read_mono(path)[: SECONDS * RATE])
        path.unlink()
        put(path.with_suffix(".wav"), encode_wav(pcm))
    return world


# ------------------------------------------------------------------------------------------------------ content


def picture(photo: bytes, form: str, mode: str = "RGB", **options: Any) -> bytes:
    """A photo in another format or mode."""
    stream = BytesIO()
    Image.open(BytesIO(photo)).convert(mode).save(stream, form, **options)
    return stream.getvalue()


def turned(photo: bytes) -> bytes:
    """The photo with an EXIF tag that says it lies on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return picture(photo, "JPEG", exif=exif.tobytes())


def corrupted(photo: bytes) -> bytes:
    """Twenty bytes in the second half changed such that it decodes all the same."""
    for seed in range(1000):
        content = bytearray(photo)
        for place in np.random.default_rng(seed).integers(len(photo) // 2, len(photo) - 2, 20):
            content[place] ^= 1
        try:
            Image.open(BytesIO(content)).load()
            return bytes(content)
        except OSError:
            continue
    raise AssertionError("no such damage found")


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises more than it holds."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def sound(samples: Any, rate: int = RATE, form: str = "WAV", subtype: str = "PCM_16") -> bytes:
    """A sound file of (samples,) or (samples, channels)."""
    stream = BytesIO()
    soundfile.write(stream, samples, rate, format=form, subtype=subtype)
    return stream.getvalue()


def tone(hertz: float = 440, level: float = 0.3, seconds: float = SECONDS, rate: int = RATE) -> Any:
    return level * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


def sizes(content: bytes, riff: int, data: int) -> bytes:
    """A wav of 44 bytes header with other sizes in it."""
    return content[:4] + struct.pack("<I", riff) + content[8:40] + struct.pack("<I", data) + content[44:]


def film(*, with_sound: bool) -> bytes:
    """An mp4 of one second with a grey picture, and a tone if asked for; its index stands last."""
    stream = BytesIO()
    with av.open(stream, "w", format="mp4") as container:
        video = container.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        audio = container.add_stream("aac", rate=RATE) if with_sound else None
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 20 * number, np.uint8), format="rgb24")
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if audio is not None:
            frame = av.AudioFrame.from_ndarray(tone(seconds=1).astype(np.float32)[None], format="fltp", layout="mono")
            frame.sample_rate = RATE
            container.mux(audio.encode(frame))
            container.mux(audio.encode())
    return stream.getvalue()


def burst(*values: tuple[int, float], level: float = 0.3) -> Any:
    """A tone with some samples set to other values."""
    samples = tone(level=level)
    for place, value in values:
        samples[place] = value
    return samples
