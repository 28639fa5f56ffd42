"""Sound files: any clip to mono at one rate, checked on the way.

The only module that knows soundfile, soxr and PyAV. Everything here may run in a worker process.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, cast

import av
import numpy as np
import soundfile
import soxr

from evaluators.clips import ClipRecord
from evaluators.dataset import Clip
from evaluators.errors import DataError
from evaluators.files import inside, sha256_file
from evaluators.media_headers import missing_bytes, sound_format
from evaluators.rejections import Rejection
from evaluators.wav_files import encode_wav

from .loudness import level_gain, lufs
from .material import UsableClip
from .mixing import PEAK, Pcm, Wave, fit_length, to_pcm16
from .settings import SAMPLE_RATE, Settings

LONGEST_SECONDS = 600.0  # more is never read from one file
LOWEST_RATE, HIGHEST_RATE = 4_000, 384_000
BLOCK_VALUES = 1 << 22  # read at once, so that a header can't ask for more memory than the file has sound
SPARE_SECONDS = 1.0  # read beyond the end, so that the resampler doesn't hear it
FULL_SCALE = 32_766 / 32_768
LARGEST = 2.0**31  # of 32 bits that were not scaled
CLIPPED_SHARE = 0.01  # of the samples at full scale
SOUND_SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3")  # never the name of a film
LENIENT: dict[str, Any] = (
    {"metadata_errors": "ignore"} if int(av.__version__.split(".")[0]) < 19 else {}
)  # later ones always are


@dataclass(frozen=True)
class _Decoded:
    mono: Wave  # at the rate of the file
    sample_rate: int
    peak: float


def read_mono(path: Path | str, sample_rate: int = SAMPLE_RATE, longest_seconds: float = LONGEST_SECONDS) -> Wave:
    """The first ``longest_seconds`` of a sound file, or of the first sound track of a film, as float32 (samples,), 1.0 is full scale.

    Channels are averaged with equal weights, then the rate is changed (soxr HQ). The content decides what the file is, not its name;
    only a film named like a sound file is refused.

    Raises ``DataError``: ``not-a-file``, ``audio-unreadable``, ``audio-truncated``, ``audio-empty``, ``no-audio``,
    ``audio-nonfinite``, ``audio-out-of-range``, ``rate-out-of-range`` (4 to 384 kHz).
    """
    return _at_rate(_decode(Path(path), longest_seconds), sample_rate)


def examine_clip(
    record: ClipRecord, clip_dir: Path | str, settings: Settings
) -> tuple[UsableClip | None, Pcm | None, list[Rejection]]:
    """Decode a clip once, bring it to ``settings.length`` samples, and judge the part that the loader hears.

    Returns the clip and its int16 samples at 16 kHz, or twice None; and the rejection, or warnings: ``below-target-rate``,
    ``audio-clipped`` (more than 1 % of the samples at full scale), ``audio-dc`` (more than a quarter of the power stands still),
    ``audio-overshoot`` (resampling led beyond full scale; the clip was scaled back).
    Besides the codes of :func:`read_mono`: ``audio-too-short``, ``audio-silent``, ``unsafe-path``.
    Under ``short = reject`` a clip that fills the heard part and not the whole length is padded.
    Raises ``DataError`` ``missing-package`` where ``level = lufs`` lacks its package, and nothing else.
    """
    remarks: list[Rejection] = []
    try:
        path = inside(clip_dir, record.file)
        decoded = _decode(path, settings.seconds + SPARE_SECONDS)
        remarks += _source_warnings(record, decoded)
        sound = _at_rate(decoded, SAMPLE_RATE)
        _check_length(sound, path, settings)
        wave, overshoot = _below_full_scale(
            fit_length(sound, settings.length, "loop" if settings.short == "loop" else "pad")
        )
        if overshoot > 1:
            remarks.append(
                _warning(record, "audio-overshoot", f"peak {overshoot:.3f} after resampling; scaled back to 1")
            )
        pcm = to_pcm16(wave)
        usable = _judged(record, path, pcm, settings, min(len(sound), settings.length) / SAMPLE_RATE)
        gain = _gain(usable, wave, settings)
        pcm = pcm if gain == 1 else to_pcm16(wave, gain)
        usable = replace(
            usable, clip=replace(usable.clip, gain=gain, wav_sha256=hashlib.sha256(encode_wav(pcm)).hexdigest())
        )
    except DataError as error:
        if error.reason == "missing-package":  # no fault of the clip's
            raise
        return None, None, [Rejection("clip", record.file, error.reason, error.message)]
    return usable, pcm, remarks


def encode_flac(pcm: Pcm, sample_rate: int = SAMPLE_RATE) -> bytes:
    """The bytes of a 16-bit flac; int16 (samples,) or (samples, 2)."""
    stream = BytesIO()
    soundfile.write(stream, pcm, sample_rate, format="FLAC", subtype="PCM_16")
    return stream.getvalue()


def _decode(path: Path, longest_seconds: float) -> _Decoded:
    size = _regular_size(path)
    try:
        with open(path, "rb") as stream:
            kind = _known_format(stream, path, size)
            read = (
                _sound_blocks(path, longest_seconds)
                if kind == "sound"
                else _film_blocks(stream, path, kind, longest_seconds)
            )
            with np.errstate(over="ignore", invalid="ignore"):  # what comes of it is looked at below
                blocks = list(read)
    except OSError as error:
        raise DataError(
            "audio-unreadable", path, f"can't be read ({error.strerror or error}); check its rights and the disk"
        ) from error
    mono = (
        blocks[0][1]
        if len(blocks) == 1
        else np.concatenate([block for _, block in blocks] or [np.zeros(0, np.float32)])
    )
    if not len(mono):
        raise DataError("audio-empty", path, "holds no sound; replace it")
    peak = max(float(mono.max()), -float(mono.min()))
    if not np.isfinite(peak):
        raise DataError("audio-nonfinite", path, "holds samples that are infinite or no numbers; replace it")
    if peak > LARGEST:
        raise DataError("audio-out-of-range", path, f"holds a sample of {peak:.3g}, full scale is 1; replace it")
    return _Decoded(mono, blocks[0][0], peak)


def _known_format(stream: BinaryIO, path: Path, size: int) -> str:
    """``sound`` for what libsndfile reads, else the name that FFmpeg is told. Refuses a file that is cut short."""
    named_sound = path.suffix.lower() in SOUND_SUFFIXES
    kind = sound_format(stream.read(16)) or ("sound" if named_sound else "")
    if not kind or (named_sound and kind not in ("wav", "sound")):
        found = f"its content is {kind}" if kind else "its first bytes are of no known format"
        raise DataError(
            "audio-unreadable", path, f"{found}, its name ends in {path.suffix!r}; give it its true name or replace it"
        )
    lacking = missing_bytes(stream, kind, size)
    if lacking:
        raise DataError("audio-truncated", path, f"has {size} bytes, its header promises {lacking} more; get it again")
    return "sound" if kind == "wav" else kind


def _regular_size(path: Path) -> int:
    try:
        found = os.stat(path)
    except OSError as error:
        raise DataError("not-a-file", path, f"can't be opened ({error.strerror}); check the path") from error
    if not stat.S_ISREG(found.st_mode):
        raise DataError("not-a-file", path, "is a folder, a pipe or the like; put the clip itself there")
    if not found.st_size:
        raise DataError("audio-unreadable", path, "has no bytes; get it again")
    return found.st_size


def _check_rate(rate: int, path: Path) -> None:
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise DataError(
            "rate-out-of-range", path, f"has {rate} samples per second, expected 4000 to 384000; convert it"
        )


def _sound_blocks(path: Path, longest_seconds: float) -> Iterator[tuple[int, Wave]]:
    """Rate and mono samples of what libsndfile reads."""
    try:
        with soundfile.SoundFile(os.fspath(path)) as sound:
            rate, done = sound.samplerate, 0
            _check_rate(rate, path)
            expected = min(sound.frames, int(longest_seconds * rate))
            while done < expected:
                frames = sound.read(
                    min(expected - done, BLOCK_VALUES // sound.channels), dtype="float32", always_2d=True
                )
                if not len(frames):
                    break
                done += len(frames)
                yield rate, _downmixed(frames)
            if done < expected and sound.format == "FLAC":
                raise DataError("audio-truncated", path, f"ends after {done} of {expected} frames; get it again")
    except (soundfile.SoundFileError, RuntimeError, TypeError) as error:
        raise DataError(
            "audio-unreadable", path, f"libsndfile can't read it ({getattr(error, 'error_string', error)}); replace it"
        ) from error


def _film_blocks(stream: BinaryIO, path: Path, kind: str, longest_seconds: float) -> Iterator[tuple[int, Wave]]:
    """Rate and mono samples of the first sound track that FFmpeg finds. It sees an open file, and neither names nor the network."""
    stream.seek(0)
    try:
        with av.open(stream, "r", format=kind, **LENIENT) as container:
            if not container.streams.audio:
                raise DataError("no-audio", path, "has no sound track; use a clip with sound")
            rate, done = 0, 0
            for frame in container.decode(container.streams.audio[0]):
                rate = rate or frame.sample_rate
                _check_rate(rate, path)
                if frame.sample_rate != rate:
                    raise DataError(
                        "audio-unreadable",
                        path,
                        f"changes from {rate} to {frame.sample_rate} samples per second; convert it",
                    )
                yield rate, _downmixed(_frames(frame))
                done += frame.samples
                if done >= longest_seconds * rate:
                    return
    except (av.error.FFmpegError, OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            "audio-unreadable", path, f"FFmpeg can't read it ({getattr(error, 'strerror', None) or error}); replace it"
        ) from error


def _frames(frame: Any) -> Wave:
    """Samples of a frame of FFmpeg as float32 (samples, channels); integers are scaled to [-1, 1)."""
    array = frame.to_ndarray()  # (channels, samples), or (1, samples * channels) where they are interleaved
    array = array.T if frame.format.is_planar else array.reshape(-1, frame.layout.nb_channels)
    if array.dtype.kind == "f":
        return np.asarray(array, np.float32)
    unit, middle = 2.0 ** (1 - 8 * array.dtype.itemsize), 128 if array.dtype == np.uint8 else 0
    wave: Wave = (array.astype(np.float32) - np.float32(middle)) * np.float32(unit)
    return wave


def _downmixed(frames: Wave) -> Wave:
    """The mean of the channels, with equal weights: (samples, channels) -> (samples,)."""
    channels = frames.shape[1]
    if channels == 1:
        return frames[:, 0]
    mono = frames[:, 0] + frames[:, 1]
    for channel in range(2, channels):
        mono += frames[:, channel]
    mono *= np.float32(1 / channels)
    return mono


def _at_rate(decoded: _Decoded, sample_rate: int) -> Wave:
    if decoded.sample_rate == sample_rate:
        return decoded.mono
    return cast(Wave, soxr.resample(decoded.mono, decoded.sample_rate, sample_rate, quality="HQ"))


def _source_warnings(record: ClipRecord, decoded: _Decoded) -> Iterator[Rejection]:
    mono, rate = decoded.mono, decoded.sample_rate
    if rate < SAMPLE_RATE:
        yield _warning(
            record, "below-target-rate", f"has {rate} samples per second; what lies above {rate // 2} Hz is missing"
        )
    if decoded.peak >= FULL_SCALE:
        clipped = np.count_nonzero(np.abs(mono) >= FULL_SCALE) / len(mono)
        if clipped > CLIPPED_SHARE:
            yield _warning(record, "audio-clipped", f"{clipped:.1%} of its samples are at full scale")
    mean, power = float(mono.mean()), float(np.dot(mono, mono)) / len(mono)
    if power and mean * mean > power / 4:
        yield _warning(record, "audio-dc", f"has an offset of {mean:.3f} at an RMS of {power**0.5:.3f}")


def _warning(record: ClipRecord, reason: str, message: str) -> Rejection:
    return Rejection("clip", record.file, reason, message, warning=True)


def _check_length(sound: Wave, path: Path, settings: Settings) -> None:
    least = max(
        settings.min_seconds, min(settings.heard_seconds, settings.seconds) if settings.short == "reject" else 0.0
    )
    if not len(sound) or len(sound) < round(least * SAMPLE_RATE):
        raise DataError(
            "audio-too-short",
            path,
            f"lasts {len(sound) / SAMPLE_RATE:.3f} s, expected {least:g} s; see --min-seconds and --short",
        )


def _below_full_scale(wave: Wave) -> tuple[Wave, float]:
    """The wave, scaled to a peak of 1 where it was higher, and the peak that it had."""
    peak = max(float(wave.max()), -float(wave.min()))
    return (wave * np.float32((1 - 2**-15) / peak) if peak > 1 else wave), peak


def _judged(record: ClipRecord, path: Path, pcm: Pcm, settings: Settings, seconds: float) -> UsableClip:
    """The record of a clip by its heard window. Raises ``DataError`` ``audio-silent``."""
    heard = pcm[settings.heard].astype(np.float32) * np.float32(2**-15)
    peak = float(np.abs(heard).max())
    if peak < 10 ** (settings.silence / 20):
        raise DataError(
            "audio-silent", path, f"stays below {settings.silence:g} dBFS in the part that is heard; see --silence"
        )
    clip = Clip(
        record.id, record.video_id, record.start_seconds, record.label, record.file, sha256_file(path), record.licence
    )
    return UsableClip(
        clip=clip,
        category=record.category,
        official_split=record.official_split,
        seconds=seconds,
        peak=peak,
        rms=float(np.sqrt(np.mean(np.square(heard, dtype=np.float64)))),
        lufs=lufs(heard, SAMPLE_RATE) if settings.level == "lufs" else None,
    )


def _gain(usable: UsableClip, wave: Wave, settings: Settings) -> float:
    """What brings the clip to its level, held so that no sample goes beyond full scale; 1 without ``--level``."""
    if settings.level == "none":
        return 1.0
    highest = max(float(wave.max()), -float(wave.min()))
    return min(level_gain(usable, settings.level, settings.level_target), PEAK / highest)
