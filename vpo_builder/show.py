"""One sample as one picture, for `vpo show`."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from evaluators.dataset import Sample
from evaluators.files import inside
from evaluators.pages import envelope

from .overlay import draw_overlay, read_maps, source_colour
from .preview import FLOOR_DBFS, level_dbfs, read_sound

PAPER, INK, SOFT, LINE, LEFT, RIGHT = "#fbfaf8", "#1d1c1a", "#6d6962", "#dcd8d0", "#3d6f9e", "#a8663a"
EDGE, GAP = 36, 24  # pixels: margin of the picture, between its parts
PICTURE_WIDTH, PICTURE_HEIGHT = 600, 600  # most that an image takes
WAVE_HEIGHT, ROW = 54, 34
PIN = 11  # radius


def draw_sample(folder: Path, sample: Sample) -> Image.Image:
    """RGB picture of a sample of the dataset in ``folder``.

    The image, the image with its masks, a line from left to right with a pin where each source is heard,
    left and right waveform on one scale, and a legend. Raises ``DataError`` where mask or sound can't be read.
    """
    plain, marked = _pictures(folder, sample)
    width = 2 * EDGE + GAP + 2 * plain.width
    top = EDGE + 52  # below the heading
    line = top + plain.height + 26
    waves = line + 34 + _lanes(sample, marked.width) * (2 * PIN + 2)
    legend = waves + 2 * WAVE_HEIGHT + 30
    canvas = Image.new("RGB", (width, legend + _legend_rows(sample) * ROW + EDGE - 8), PAPER)
    draw = ImageDraw.Draw(canvas)
    _heading(draw, sample, width)
    canvas.paste(plain, (EDGE, top))
    canvas.paste(marked, (EDGE + plain.width + GAP, top))
    _positions(canvas, sample, EDGE + plain.width + GAP, line, marked.width)
    _waves(draw, folder, sample, waves, width)
    _legend(canvas, sample, legend, plain.width + GAP)
    return canvas


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _pictures(folder: Path, sample: Sample) -> tuple[Image.Image, Image.Image]:
    """The image without and with its masks, in one size that fits; pixels as stored, whatever EXIF says."""
    with Image.open(inside(folder, sample.image_file), formats=("JPEG", "PNG")) as file:
        image = file.convert("RGB")
    scale = min(PICTURE_WIDTH / image.width, PICTURE_HEIGHT / image.height)
    size = max(200, round(image.width * scale)), max(20, round(image.height * scale))
    plain = image.resize(size, Image.Resampling.LANCZOS)
    overlay = draw_overlay(sample, *read_maps(folder, sample)).convert("RGBA").resize(size, Image.Resampling.LANCZOS)
    marked = plain.copy()
    marked.paste(overlay, (0, 0), overlay)
    return plain, marked


def _heading(draw: ImageDraw.ImageDraw, sample: Sample, width: int) -> None:
    draw.text((EDGE, EDGE), f"{sample.setting.upper()}  {sample.split}", INK, _font(24), anchor="lt")
    variant = "" if sample.variant == "base" else f"{sample.variant}  "
    draw.text((width - EDGE, EDGE + 4), variant + _fitting(draw, sample.id, width // 2), SOFT, _font(16), anchor="rt")


def _fitting(draw: ImageDraw.ImageDraw, text: str, width: int, size: float = 16) -> str:
    """``text``, or the beginning of it that is no wider than ``width`` pixels."""
    text = " ".join(text.split())
    if draw.textlength(text, _font(size)) <= width:
        return text
    while text and draw.textlength(text + "…", _font(size)) > width:
        text = text[:-1]
    return text + "…"


def _pins(sample: Sample, width: int) -> list[tuple[int, float, int]]:
    """Number, x in pixels and lane of each source, from left to right; pins that would touch are in different lanes."""
    lanes: list[float] = []
    pins = []
    for number, source in sorted(enumerate(sample.sources), key=lambda item: item[1].position):
        x = min(max(source.position, 0.0), 1.0) * width
        lane = next((n for n, last in enumerate(lanes) if x - last > 2 * PIN + 2), len(lanes))
        lanes[lane : lane + 1] = [x]
        pins.append((number, x, lane))
    return pins


def _lanes(sample: Sample, width: int) -> int:
    return max((lane for _, _, lane in _pins(sample, width)), default=0)


def _positions(canvas: Image.Image, sample: Sample, left: int, top: int, width: int) -> None:
    """The line from left to right below the marked image, and beside it what it means."""
    draw = ImageDraw.Draw(canvas)
    draw.line((left, top, left + width, top), fill=SOFT, width=2)
    for share in (0, 0.25, 0.5, 0.75, 1):
        draw.line((left + share * width, top - 5, left + share * width, top + 5), fill=SOFT, width=2)
    draw.text((left - GAP, top), "heard from left to right", SOFT, _font(15), anchor="rm")
    for number, x, lane in _pins(sample, width):
        _pin(canvas, left + x, top + lane * (2 * PIN + 2), number)


def _pin(canvas: Image.Image, x: float, y: float, number: int) -> None:
    """A numbered disc, drawn four times as large and reduced, for smooth edges."""
    side = 2 * (PIN + 2)
    disc = Image.new("L", (4 * side, 4 * side))
    ImageDraw.Draw(disc).circle((2 * side, 2 * side), 4 * (PIN + 2), fill=255)
    colour = Image.new("RGB", (4 * side, 4 * side), PAPER)
    ImageDraw.Draw(colour).circle((2 * side, 2 * side), 4 * PIN, fill=source_colour(number))
    canvas.paste(colour.reduce(4), (round(x) - side // 2, round(y) - side // 2), disc.reduce(4))
    ImageDraw.Draw(canvas).text((round(x), round(y)), str(number + 1), INK, _font(14), anchor="mm")


def _waves(draw: ImageDraw.ImageDraw, folder: Path, sample: Sample, top: int, width: int) -> None:
    """Left above right, a stroke every four pixels, with each channel's level."""
    pcm = read_sound(folder, sample)
    left, right = EDGE + 26, width - EDGE - 86
    columns = (right - left) // 4
    for row, (name, colour, peaks, level) in enumerate(
        zip("LR", (LEFT, RIGHT), envelope(pcm, columns).tolist(), level_dbfs(pcm), strict=True)
    ):
        middle = top + row * (WAVE_HEIGHT + 6) + WAVE_HEIGHT // 2
        draw.text((EDGE, middle), name, colour, _font(18), anchor="lm")
        for column, peak in enumerate(peaks):
            half = max(1.0, peak * WAVE_HEIGHT / 2)
            draw.line((left + 4 * column, middle - half, left + 4 * column, middle + half), fill=colour, width=2)
        text = f"{level:.1f} dB" if level > FLOOR_DBFS else "silent"
        draw.text((width - EDGE, middle), text, colour, _font(16), anchor="rm")


def _legend_rows(sample: Sample) -> int:
    return (len(sample.sources) + len(sample.silent) + bool(sample.ignore) + 1) // 2


def _legend(canvas: Image.Image, sample: Sample, top: int, column: int) -> None:
    """Sources with clip and position, silent objects, ignored regions; in two columns."""
    draw = ImageDraw.Draw(canvas)
    entries = [
        ("", source.instance.category, f"{source.clip.label}, at {source.position:.2f}") for source in sample.sources
    ]
    entries += [("silent", instance.category, "silent") for instance in sample.silent]
    entries += [("ignored", "ignored", "crowd")] if sample.ignore else []
    for place, (kind, name, note) in enumerate(entries):
        x, y = EDGE + PIN + place % 2 * column, top + place // 2 * ROW + ROW // 2
        if kind:
            _key(draw, x, y, kind)
        else:
            _pin(canvas, x, y, place)
        name = _fitting(draw, name, column // 2 - 60, 18)
        draw.text((x + 24, y), name, INK, _font(18), anchor="lm")
        start = x + 34 + draw.textlength(name, _font(18))
        draw.text(
            (start, y + 1),
            _fitting(draw, note, int(EDGE + (place % 2 + 1) * column - 2 * GAP - start), 15),
            SOFT,
            _font(15),
            anchor="lm",
        )


def _key(draw: ImageDraw.ImageDraw, x: float, y: float, kind: str) -> None:
    """A dashed ring for silent objects, a hatched square for ignored regions."""
    if kind == "silent":
        for start in range(0, 360, 45):
            draw.arc((x - PIN, y - PIN, x + PIN, y + PIN), start, start + 25, fill=SOFT, width=2)
        return
    draw.rectangle((x - PIN, y - PIN, x + PIN, y + PIN), outline=SOFT, width=1)
    for step in (6, 12, 18):
        draw.line((x - PIN, y - PIN + step, x - PIN + step, y - PIN), fill=SOFT)
        draw.line((x + PIN - step, y + PIN, x + PIN, y + PIN - step), fill=SOFT)
