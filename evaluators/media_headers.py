"""What a media file is by its first bytes, and whether it is as long as its own header says."""

from __future__ import annotations

from typing import BinaryIO

STREAMED = 0x7FFFF000  # sizes from here on are what writers put who didn't know the size
_SEGMENT = b"\x18\x53\x80\x67"  # the element that holds all of a Matroska file but its first header
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_MAGIC = (b"fLaC", b"OggS", b"ID3", b"FORM", b"RF64", b"RIFX", b".snd", b"caff", b"riff")


def sound_format(head: bytes) -> str:
    """Format of a file from its first 16 bytes.

    ``wav``; ``sound`` for the others that libsndfile reads; ``mov``, ``matroska``, ``aac``, ``avi`` and ``flv`` as FFmpeg names
    them; ``""`` for all else. FFmpeg is told the name, so that no file can pass itself off as a playlist of other files.
    """
    if head[:4] == b"RIFF":
        return {b"WAVE": "wav", b"AVI ": "avi"}.get(head[8:12], "")
    if head.startswith(_MAGIC):
        return "sound"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "matroska"
    if head[4:8] in _BOXES:
        return "mov"
    if head[:3] == b"FLV":
        return "flv"
    if len(head) > 1 and head[0] == 0xFF and head[1] >= 0xE0:  # a frame of MPEG audio; its layer bits are 0 for AAC
        return "sound" if head[1] & 0x06 else "aac"
    return ""


def missing_bytes(stream: BinaryIO, kind: str, size: int) -> int:
    """How many bytes a file of ``size`` bytes lacks by its own header; 0 where the header doesn't tell.

    Sees wav, mp4 and Matroska. ``stream`` is left somewhere in the file.
    """
    reader = {"wav": _wav_end, "mov": _mov_end, "matroska": _matroska_end}.get(kind)
    return max(0, reader(stream, size) - size) if reader else 0


def _wav_end(stream: BinaryIO, size: int) -> int:
    """Where the data chunk should end. A size of 0 or near the limit is a stream's, whose end is the file's."""
    position = 12
    while position + 8 <= size:
        stream.seek(position)
        head = stream.read(8)
        length = int.from_bytes(head[4:], "little")
        if head[:4] == b"data":
            return position + 8 + length if length < STREAMED else size
        position += 8 + length + (length & 1)
    return size


def _mov_end(stream: BinaryIO, size: int) -> int:
    """Where the last top-level box should end."""
    position = 0
    while position + 8 <= size:
        stream.seek(position)
        head = stream.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:  # a 64-bit length follows
            length = int.from_bytes(head[8:], "big")
        if length < 8:  # 0: to the end of the file
            return size
        position += length
    return position


def _matroska_end(stream: BinaryIO, size: int) -> int:
    """Where the segment should end; its length is unknown in live streams."""
    stream.seek(0)
    head = stream.read(1024)
    start = head.find(_SEGMENT) + len(_SEGMENT)
    if start < len(_SEGMENT) or start >= len(head):
        return size
    width = 9 - head[start].bit_length()  # of the length field: its first set bit tells
    if width > 8 or start + width > len(head):
        return size
    length = int.from_bytes(head[start : start + width], "big") - (1 << 7 * width)
    return size if length == (1 << 7 * width) - 1 else start + width + length
