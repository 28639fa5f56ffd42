"""Any clip becomes mono at 16 kHz or a rejection with the code of the bad-input catalogue."""

from __future__ import annotations

import hashlib
import os
import struct
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile

from evaluators.clips import ClipRecord
from evaluators.errors import DataError
from evaluators.rejections import Rejection
from evaluators.wav_files import encode_wav, read_wav16, write_wav
from vpo_builder.audio_files import examine_clip, read_mono
from vpo_builder.material import UsableClip
from vpo_builder.settings import Settings

SHARED = Path(__file__).parents[2] / "shared/data"
RATE = 16_000
Array = np.ndarray[Any, Any]


def tone(seconds: float = 2.0, rate: int = RATE, hertz: float = 440.0, peak: float = 0.5) -> Array:
    """A sine, float32 (samples,)."""
    return (peak * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def film(
    path: Path,
    sound: bool = True,
    codec: str = "aac",
    rate: int = 44_100,
    seconds: float = 2.0,
    form: str | None = None,
) -> Path:
    """A film of one second of black, with or without sound."""
    with av.open(str(path), "w", format=form) as container:
        if not sound:
            track: Any = container.add_stream("mpeg4", 10)
            track.width = track.height = 32
            for _ in range(10):
                container.mux(track.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))))
        else:
            track = container.add_stream(codec, rate)
            track.layout = "stereo"
            both = np.stack([tone(seconds, rate, peak=0.25), tone(seconds, rate, peak=0.75)])
            frame = av.AudioFrame.from_ndarray(both, "fltp", "stereo")
            frame.sample_rate = rate
            for part in [
                *av.AudioResampler(track.format, "stereo", rate, 960 if codec == "libopus" else 1024).resample(frame)
            ]:
                container.mux(track.encode(part))
        container.mux(track.encode(None))
    return path


def error_of(path: Path) -> DataError:
    with pytest.raises(DataError) as error:
        read_mono(path)
    assert "\n" not in str(error.value)
    return error.value


def record(file: str) -> ClipRecord:
    return ClipRecord("abc_000000", "abc", 0.0, "dog barking", "dog", file, "train", "CC BY")


def examine(path: Path, **settings: Any) -> tuple[UsableClip | None, Array | None, list[Rejection]]:
    return examine_clip(record(path.name), path.parent, Settings(**settings))


def rejected(path: Path, **settings: Any) -> str:
    found, pcm, remarks = examine(path, **settings)
    assert found is None and pcm is None
    assert [(r.kind, r.item, r.warning) for r in remarks] == [("clip", path.name, False)]
    assert str(path.parent) not in remarks[0].message
    return remarks[0].reason


def accepted(path: Path, **settings: Any) -> tuple[UsableClip, Array, list[str]]:
    found, pcm, remarks = examine(path, **settings)
    assert found is not None and pcm is not None, remarks
    assert all(r.warning for r in remarks)
    return found, pcm, [r.reason for r in remarks]


def saved(path: Path, sound: Array, rate: int = RATE, **how: Any) -> Path:
    soundfile.write(path, sound, rate, **how)
    return path


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "aiff"])
def test_sound_files(tmp_path: Path, suffix: str) -> None:
    found = read_mono(saved(tmp_path / f"-a.{suffix}", tone(1.0, 44_100), 44_100))
    assert found.dtype == np.float32
    assert abs(len(found) - 16_000) <= 420  # MP3 counts in frames of 1152
    assert np.abs(found[4000:12_000]).max() == pytest.approx(0.5, abs=0.02)


FILMS = [
    ("mp4", "aac", 44_100),
    ("m4a", "aac", 48_000),
    ("mov", "pcm_s16le", 22_050),
    ("webm", "libopus", 48_000),
    ("mkv", "mp2", 44_100),
]


@pytest.mark.parametrize(("suffix", "codec", "rate"), FILMS)
def test_films(tmp_path: Path, suffix: str, codec: str, rate: int) -> None:
    found = read_mono(film(tmp_path / f"-a.{suffix}", codec=codec, rate=rate, form="mp4" if suffix == "m4a" else None))
    assert found.dtype == np.float32
    assert len(found) == pytest.approx(32_000, abs=1200)
    assert found[4000:12_000].std() * 2**0.5 == pytest.approx(0.5, abs=0.02), "the mean of 0.25 and 0.75"


def test_content_decides_what_a_file_is(tmp_path: Path) -> None:
    sound = saved(tmp_path / "a.wav", tone())
    for name in ("b.mp4", "c.flac", "d"):
        other = sound.rename(tmp_path / name)
        assert len(read_mono(other)) == 32_000
        sound = other


def test_bare_frames_of_mpeg_audio(tmp_path: Path) -> None:
    assert len(read_mono(film(tmp_path / "a.aac", form="adts"))) == pytest.approx(32_000, abs=1200)
    mp3 = saved(tmp_path / "a.mp3", tone())
    start = (
        mp3.read_bytes().index(b"\xff\xf3") if b"\xff\xf3" in mp3.read_bytes() else mp3.read_bytes().index(b"\xff\xfb")
    )
    (tmp_path / "b").write_bytes(mp3.read_bytes()[start:])
    assert len(read_mono(tmp_path / "b")) == pytest.approx(32_000, abs=2400)


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_channels_are_averaged(tmp_path: Path, channels: int) -> None:
    levels = np.arange(1, channels + 1, dtype=np.float32) / 8
    path = saved(tmp_path / "a.wav", np.tile(levels, (800, 1)), subtype="FLOAT")
    np.testing.assert_allclose(read_mono(path), levels.mean(), rtol=1e-6)


@pytest.mark.parametrize(
    ("subtype", "step"),
    [("PCM_U8", 2**-7), ("PCM_16", 2**-15), ("PCM_24", 2**-23), ("FLOAT", 2**-23), ("DOUBLE", 2**-23)],
)
def test_all_depths(tmp_path: Path, subtype: str, step: float) -> None:
    np.testing.assert_allclose(read_mono(saved(tmp_path / "a.wav", tone(), subtype=subtype)), tone(), atol=step)


def test_the_longest_part_to_read(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.wav", tone(3.0))
    np.testing.assert_array_equal(read_mono(path, longest_seconds=2.0), read_mono(path)[:32_000])


# the catalogue of bad inputs


def test_40_wav_cut_in_half(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.wav", tone())
    path.write_bytes(path.read_bytes()[:32_000])
    assert error_of(path).reason == rejected(path) == "audio-truncated"
    assert "12044" not in str(error_of(path)) and "32044" in str(error_of(path))


def test_40_a_wav_with_other_chunks_is_whole(tmp_path: Path) -> None:
    plain = encode_wav(np.ones(1000, np.int16))
    odd = plain[:36] + b"LIST" + struct.pack("<I", 3) + b"abc\0" + plain[36:] + b"trailing"
    (tmp_path / "a.wav").write_bytes(odd)
    assert len(read_mono(tmp_path / "a.wav")) == 1000
    (tmp_path / "a.wav").write_bytes(odd[:-9])
    assert error_of(tmp_path / "a.wav").reason == "audio-truncated"


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFF000])
def test_41_streamed_wav(tmp_path: Path, size: int) -> None:
    content = bytearray(encode_wav(np.arange(16_000, dtype=np.int16)))
    content[4:8] = content[40:44] = struct.pack("<I", size)
    (tmp_path / "a.wav").write_bytes(content)
    assert len(read_mono(tmp_path / "a.wav")) == 16_000


def test_42_no_frames(tmp_path: Path) -> None:
    assert rejected(saved(tmp_path / "a.wav", np.zeros(0))) == "audio-empty"
    content = bytearray(encode_wav(np.ones(1000, np.int16)))
    content[40:44] = bytes(4)
    (tmp_path / "b.wav").write_bytes(content)
    assert rejected(tmp_path / "b.wav") == "audio-empty"


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.mp4", "a.webm", "a"])
@pytest.mark.parametrize(
    "content",
    [b"<!doctype html><p>404", b"#EXTM3U\n#EXTINF:10,\n/etc/passwd\n", b"\0" * 500, b"RIFF\x24\x7d\0\0WAVEfmt ", b"x"],
)
def test_43_no_sound_at_all(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content[:20] if content.startswith(b"RIFF") else content)
    assert rejected(tmp_path / name) == "audio-unreadable"


def test_43_film_named_like_a_sound(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4").rename(tmp_path / "a.wav")
    assert rejected(path) == "audio-unreadable"


def test_43_empty_file(tmp_path: Path) -> None:
    for name in ("a.wav", "a.mp4"):
        (tmp_path / name).write_bytes(b"")
        assert rejected(tmp_path / name) == "audio-unreadable"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_44_flac_cut(tmp_path: Path, share: float) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 32_000)
    path = saved(tmp_path / "a.flac", noise)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert rejected(path) in ("audio-unreadable", "audio-truncated")


def test_44_flac_with_spoilt_bytes(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.flac", np.random.default_rng(0).uniform(-0.5, 0.5, 32_000))
    content = bytearray(path.read_bytes())
    content[20_000:30_000] = bytes(10_000)
    path.write_bytes(content)
    assert rejected(path) in ("audio-unreadable", "audio-truncated")


def test_44_flac_that_ends_before_its_header_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Short(soundfile.SoundFile):  # type: ignore[misc]
        frames = 32_001

    path = saved(tmp_path / "a.flac", tone())
    monkeypatch.setattr(soundfile, "SoundFile", Short)
    assert rejected(path) == "audio-truncated"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_45_no_numbers(tmp_path: Path, value: float, rate: int) -> None:
    sound = tone(1.0, rate)
    sound[100] = value
    assert rejected(saved(tmp_path / "a.wav", sound, rate, subtype="FLOAT")) == "audio-nonfinite"


def test_46_silence_is_judged_on_what_is_heard(tmp_path: Path) -> None:
    sound = tone(10.0)
    assert rejected(saved(tmp_path / "a.wav", sound * 0)) == "audio-silent"
    sound[56_000:104_000] = 0  # 3.5 s to 6.5 s
    path = saved(tmp_path / "b.wav", sound)
    assert rejected(path) == "audio-silent"
    assert accepted(path, heard_seconds=4.0)[0].peak == pytest.approx(0.5, abs=1e-3)
    quiet = saved(tmp_path / "c.wav", tone(10.0, peak=0.0008))
    assert rejected(quiet) == "audio-silent"
    assert accepted(quiet, silence=-80.0)[0].peak == pytest.approx(0.0008, abs=2**-15)


def test_47_offset_and_clipping_are_warnings(tmp_path: Path) -> None:
    assert accepted(saved(tmp_path / "a.wav", np.full(160_000, 0.25)))[2] == ["audio-dc"]
    assert accepted(saved(tmp_path / "b.wav", np.clip(tone(10.0, peak=3.0), -1, 1)))[2] == ["audio-clipped"]
    assert accepted(saved(tmp_path / "c.wav", tone(10.0, peak=0.9)))[2] == []


def test_49_low_rate_is_a_warning(tmp_path: Path) -> None:
    clip, pcm, warnings = accepted(saved(tmp_path / "a.wav", tone(10.0, 8_000), 8_000))
    assert (warnings, len(pcm), clip.seconds) == (["below-target-rate"], 160_000, 10.0)


@pytest.mark.parametrize(
    ("rate", "fits"), [(1, False), (3_999, False), (4_000, True), (384_000, True), (384_001, False), (3_000_000, False)]
)
def test_50_rates(tmp_path: Path, rate: int, fits: bool) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(encode_wav((tone(1.0, 4_000) * 32_767).astype(np.int16), rate))
    if fits:
        assert abs(len(read_mono(path)) - 4_000 * RATE / rate) <= 1
    else:
        assert rejected(path) == "rate-out-of-range"


def test_51_short_clips(tmp_path: Path) -> None:
    sound = np.arange(1, 8001, dtype=np.int16)  # 0.5 s
    write_wav(tmp_path / "a.wav", sound)
    clip, looped, _ = accepted(tmp_path / "a.wav")
    np.testing.assert_array_equal(looped, np.tile(sound, 20))
    assert clip.seconds == 0.5
    padded = accepted(tmp_path / "a.wav", short="pad")[1]
    np.testing.assert_array_equal(padded[76_000:84_000], sound)
    assert not padded[:76_000].any() and not padded[84_000:].any()
    assert rejected(tmp_path / "a.wav", short="reject") == "audio-too-short"
    assert rejected(tmp_path / "a.wav", min_seconds=0.6) == "audio-too-short"


def test_51_a_clip_that_fills_what_is_heard_is_not_rejected(tmp_path: Path) -> None:
    sound = np.arange(1, 9001, dtype=np.int16).repeat(6)  # 3.375 s
    write_wav(tmp_path / "a.wav", sound)
    np.testing.assert_array_equal(accepted(tmp_path / "a.wav", short="reject")[1][53_000:107_000], sound)


def test_52_a_few_samples_too_many(tmp_path: Path) -> None:
    sound = np.arange(160_029).astype(np.int16)
    write_wav(tmp_path / "a.wav", sound)
    clip, pcm, _ = accepted(tmp_path / "a.wav")
    np.testing.assert_array_equal(pcm, sound[:160_000])
    assert clip.seconds == 10.0


def test_53_film_without_sound(tmp_path: Path) -> None:
    assert rejected(film(tmp_path / "a.mp4", sound=False)) == "no-audio"


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_54_film_cut(tmp_path: Path, suffix: str, share: float) -> None:
    path = film(tmp_path / f"a.{suffix}", codec="libopus" if suffix == "webm" else "aac", rate=48_000)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert rejected(path) == "audio-truncated"


def test_54_long_boxes(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mov")
    content = path.read_bytes()
    box = struct.pack(">I4sQ", 1, b"free", 1016) + bytes(1000)
    path.write_bytes(content + box)
    assert len(read_mono(path)) > 30_000
    path.write_bytes(content + box[:-1])
    assert rejected(path) == "audio-truncated"


def test_54_film_without_its_index(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4")
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"moov") - 4])
    assert rejected(path) == "audio-unreadable"


@pytest.mark.parametrize("name", ["-i.wav", "--help.wav", "a;b.wav", "http:x.wav", "%d.wav"])
def test_55_names_are_only_names(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / name, tone())
    assert len(read_mono(path)) == 32_000


@pytest.mark.parametrize("name", ["concat:a.mp4", "file:a.mp4", "-y.mp4"])
def test_55_names_of_films_are_only_names(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    film(tmp_path / "plain.mp4").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert len(read_mono(Path(name))) > 30_000


def test_folders_pipes_and_nothing_are_no_clips(tmp_path: Path) -> None:
    (tmp_path / "a.wav").mkdir()
    os.mkfifo(tmp_path / "b.wav")
    assert [rejected(tmp_path / f"{name}.wav") for name in "abc"] == ["not-a-file"] * 3
    assert examine_clip(record("../a.wav"), tmp_path, Settings())[2][0].reason == "unsafe-path"


def test_a_header_that_promises_hours_costs_no_memory(tmp_path: Path) -> None:
    import tracemalloc

    path = saved(tmp_path / "a.flac", tone(1.0))
    content = bytearray(path.read_bytes())
    content[21] |= 0x0F  # the number of samples is 36 bits long and starts in this byte
    content[22:26] = b"\xff" * 4
    path.write_bytes(content)
    tracemalloc.start()
    assert error_of(path).reason in ("audio-truncated", "audio-unreadable")
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


# what comes out


def test_16_bits_at_16_khz_pass_unchanged(tmp_path: Path) -> None:
    sound = np.random.default_rng(0).integers(-32_768, 32_768, 160_000).astype(np.int16)
    write_wav(tmp_path / "a.wav", sound)
    clip, pcm, warnings = accepted(tmp_path / "a.wav")
    np.testing.assert_array_equal(pcm, sound)
    assert warnings == []
    assert clip.clip.wav_sha256 == clip.clip.sha256 == hashlib.sha256((tmp_path / "a.wav").read_bytes()).hexdigest()


def test_the_record_of_a_clip(tmp_path: Path) -> None:
    clip, pcm, _ = accepted(saved(tmp_path / "a.wav", tone(4.0, 44_100, hertz=441.0), 44_100))
    assert pcm.dtype == np.int16 and pcm.shape == (160_000,)
    assert (clip.clip.id, clip.clip.file, clip.category, clip.official_split, clip.clip.licence) == (
        "abc_000000",
        "a.wav",
        "dog",
        "train",
        "CC BY",
    )
    assert clip.seconds == 4.0
    assert clip.peak == pytest.approx(0.5, abs=0.02)  # a little more at the seam of the loop
    assert clip.rms == pytest.approx(0.5 / 2**0.5, abs=1e-3)
    assert clip.lufs is None


def test_overshoot_is_scaled_back(tmp_path: Path) -> None:
    square = np.sign(tone(10.0, 44_100, hertz=100.0)) * 0.999
    _, pcm, warnings = accepted(saved(tmp_path / "a.wav", square, 44_100))
    assert "audio-overshoot" in warnings
    assert np.abs(pcm.astype(int)).max() == 32_767
    assert np.median(np.abs(pcm.astype(int))) < 31_500, "scaled, not clipped"


def test_loudness_is_measured_on_request(tmp_path: Path) -> None:
    pytest.importorskip("pyloudnorm")
    path = saved(tmp_path / "a.wav", tone(10.0, hertz=997.0, peak=0.1))
    found = accepted(path, level="lufs")[0].lufs
    assert found == pytest.approx(-23.0, abs=0.1)  # a 997 Hz sine of peak 1 has -3.01 LUFS


def test_nothing_is_random(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4")
    first, second = accepted(path), accepted(path)
    assert first[0] == second[0]
    np.testing.assert_array_equal(first[1], second[1])


@pytest.mark.parametrize("shape", [(1000,), (1000, 2), (0,)])
def test_wav_back_and_forth(tmp_path: Path, shape: tuple[int, ...]) -> None:
    pcm = np.random.default_rng(0).integers(-32_768, 32_768, shape).astype(np.int16)
    write_wav(tmp_path / "a.wav", pcm)
    assert os.listdir(tmp_path) == ["a.wav"]
    np.testing.assert_array_equal(read_wav16(tmp_path / "a.wav"), pcm)
    with wave.open(str(tmp_path / "a.wav")) as stream:
        assert stream.getparams()[:4] == (len(shape), 2, RATE, shape[0])
        assert stream.readframes(shape[0]) == pcm.tobytes()


def test_a_column_of_an_array_is_written_in_order(tmp_path: Path) -> None:
    pcm = np.arange(20, dtype=np.int16).reshape(2, 10)
    write_wav(tmp_path / "a.wav", pcm.T)
    np.testing.assert_array_equal(read_wav16(tmp_path / "a.wav"), pcm.T)


@pytest.mark.parametrize(
    "spoil",
    [lambda c: c[:-1], lambda c: c[:30], lambda c: c + b"xx", lambda c: c[:34] + b"\x08" + c[35:], lambda c: b""],
)
def test_the_fast_path_reads_only_our_own(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    (tmp_path / "a.wav").write_bytes(spoil(encode_wav(np.ones(10, np.int16))))
    with pytest.raises(DataError) as error:
        read_wav16(tmp_path / "a.wav")
    assert error.value.reason == "audio-unreadable"


@pytest.mark.skipif(not SHARED.is_dir(), reason="no shared data")
def test_real_clips() -> None:
    folder = SHARED / "vggsound/clips"
    assert len(read_mono(folder / "FwVYUHKoLtQ_000034.wav")) == 160_029
    clip, pcm, remarks = examine_clip(record("-0pJqpNjft4_000267.mp4"), folder, Settings())
    assert clip is not None and pcm is not None and not remarks
    assert pcm.shape == (160_000,)


def test_a_level_is_in_the_wav_and_written_down(tmp_path: Path) -> None:
    """A tone of peak 0.1 has an RMS of -23.01 dBFS; at -29.03 dBFS it is half as high."""
    tone = np.round(3276.8 * np.sin(2 * np.pi * 440 * np.arange(160_000) / 16_000)).astype(np.int16)
    write_wav(tmp_path / "a.wav", tone)
    clip, pcm, _ = accepted(tmp_path / "a.wav", level="rms", level_target=-23.0103 - 6.0206)
    assert clip.clip.gain == pytest.approx(0.5, rel=1e-3)
    np.testing.assert_allclose(pcm, tone * clip.clip.gain, atol=0.51)
    _, loud, _ = accepted(tmp_path / "a.wav", level="rms", level_target=0.0)
    assert np.abs(loud).max() == round(0.99 * 32_768), "held below full scale"
