"""What a simulated camera shows: a street drawn from the camera's name, what happens there, and the word SIMULATED."""

import io
from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from demo.devices.chance import rng_for

WIDTH, HEIGHT = 640, 360
HORIZON = 150
QUALITY = 50
Pen = ImageDraw.ImageDraw
Rng = np.random.Generator
Box = tuple[float, float, float, float]
Line = Sequence[tuple[float, float]]

# The two characters of "simulated" as strokes on a grid of 20 x 20: no font with Chinese need be there.
MO = (
    ((0, 6), (8, 6)),
    ((4, 0), (4, 20)),
    ((4, 7), (0, 15)),
    ((4, 8), (8, 12)),
    ((9, 3), (20, 3)),
    ((12, 0), (12, 5)),
    ((17, 0), (17, 5)),
    ((10, 6), (19, 6), (19, 12), (10, 12), (10, 6)),
    ((10, 9), (19, 9)),
    ((9, 15), (20, 15)),
    ((14.5, 12), (14.5, 15), (9, 20)),
    ((14.5, 15), (20, 20)),
)
NI = (
    ((0, 5), (8, 5)),
    ((4, 0), (4, 19), (2, 17.5)),
    ((0, 13), (8, 10)),
    ((10, 3), (10, 15), (14, 12)),
    ((13, 4), (15, 7)),
    ((18, 2), (17, 12), (12, 20)),
    ((17, 13), (20, 20)),
)


def draw(seed: int, camera: str, now: datetime, kind: str = "", *, raining: bool = False) -> bytes:
    """A JPEG of 640 x 360 pixels, under 30 kB; the same for the same arguments."""
    image = Image.new("RGB", (WIDTH, HEIGHT))
    pen = ImageDraw.Draw(image)
    _street(pen, rng_for(seed, "view", camera), raining)
    rng = rng_for(seed, "seen", camera, now.isoformat())
    _traffic(pen, rng)
    box = SIGHTS[kind](pen, rng) if kind in SIGHTS else None
    if raining:
        _rain(pen, rng)
    _words(pen, camera, now, kind, box)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def _street(pen: Pen, rng: Rng, raining: bool) -> None:
    top, low = ((84, 92, 102), (128, 134, 140)) if raining else ((118, 152, 188), (196, 208, 216))
    for row in range(HORIZON):
        part = row / HORIZON
        pen.line((0, row, WIDTH, row), tuple(round(a + (b - a) * part) for a, b in zip(top, low, strict=True)))
    pen.rectangle((0, HORIZON, WIDTH, HEIGHT), (104, 108, 104))
    x = -20.0
    while x < WIDTH:
        width, height = float(rng.uniform(45, 110)), float(rng.uniform(40, 125))
        shade = int(rng.integers(92, 142))
        pen.rectangle((x, HORIZON - height, x + width, HORIZON + 8), (shade, shade + 4, shade + 10))
        for wy in np.arange(HORIZON - height + 8, HORIZON - 8, 14):
            pen.line((x + 7, wy, x + width - 7, wy), (shade - 22, shade - 16, shade - 8), 4)
        x += width + float(rng.uniform(0, 18))
    far = float(rng.uniform(270, 370))
    pen.polygon(((far - 22, HORIZON), (far + 22, HORIZON), (WIDTH + 90, HEIGHT), (-90, HEIGHT)), (68, 72, 78))
    for near in (0.06, 0.2, 0.42, 0.74):
        y, long = HORIZON + near * (HEIGHT - HORIZON), 10 + 46 * near
        middle = far + (WIDTH / 2 - far) * near
        pen.polygon(
            (
                (middle - 2 - 4 * near, y),
                (middle + 2 + 4 * near, y),
                (middle + 3 + 6 * near, y + long),
                (middle - 3 - 6 * near, y + long),
            ),
            (214, 214, 206),
        )


def _car(pen: Pen, x: float, y: float, size: float, colour: tuple[int, int, int]) -> Box:
    pen.rectangle((x, y, x + 1.9 * size, y + 0.75 * size), colour)
    pen.polygon(
        ((x + 0.3 * size, y), (x + 0.6 * size, y - 0.5 * size), (x + 1.3 * size, y - 0.5 * size), (x + 1.6 * size, y)),
        (44, 54, 66),
    )
    for wheel in (0.25, 1.3):
        pen.ellipse((x + wheel * size, y + 0.5 * size, x + (wheel + 0.4) * size, y + 0.95 * size), (22, 22, 24))
    return (x, y - 0.5 * size, x + 1.9 * size, y + 0.95 * size)


PAINTS = ((176, 62, 54), (214, 214, 216), (56, 86, 132), (38, 40, 44), (188, 160, 92))


def _traffic(pen: Pen, rng: Rng) -> None:
    for near in sorted(rng.uniform(0.1, 0.75, int(rng.integers(1, 5)))):
        paint = PAINTS[int(rng.integers(len(PAINTS)))]
        side = float(rng.choice([-1, 1])) * (30 + 170 * near)
        _car(pen, WIDTH / 2 + side - 10, HORIZON + near * 190, 12 + 38 * near, paint)


def _water(pen: Pen, rng: Rng) -> Box:
    level = float(rng.uniform(225, 265))
    pen.polygon(
        ((0, level + 12), (180, level), (460, level + 4), (WIDTH, level + 16), (WIDTH, HEIGHT), (0, HEIGHT)),
        (98, 102, 92),
    )
    for _ in range(26):
        x, y = float(rng.uniform(0, WIDTH)), float(rng.uniform(level + 16, HEIGHT))
        pen.line((x, y, x + float(rng.uniform(20, 70)), y), (138, 142, 130), 2)
    _car(pen, float(rng.uniform(200, 380)), level + 12, 46, (150, 152, 156))
    pen.rectangle((150, level + 46, 520, level + 70), (98, 102, 92))
    return (60, level, WIDTH - 60, HEIGHT - 24)


def _cloud(pen: Pen, rng: Rng, x: float, y: float) -> Box:
    for step in range(26):
        r = 14 + step * 2.2
        cx, cy = x + step * 3.4 + float(rng.uniform(-12, 12)), y - step * 5.4
        shade = 54 + step * 3
        pen.ellipse((cx - r, cy - r, cx + r, cy + r), (shade, shade, shade + 4))
    return (x - 36, 24, x + 176, y + 22)


def _smoke(pen: Pen, rng: Rng) -> Box:
    return _cloud(pen, rng, float(rng.uniform(150, 380)), HORIZON + 26)


def _fire(pen: Pen, rng: Rng) -> Box:
    x = float(rng.uniform(170, 380))
    box = _cloud(pen, rng, x, HORIZON + 16)
    for size, colour in ((46, (196, 62, 28)), (33, (236, 132, 34)), (19, (250, 214, 96))):
        for shift in (-0.7, 0.0, 0.7):
            cx = x + shift * size
            pen.polygon(
                (
                    (cx - size * 0.55, HORIZON + 36),
                    (cx + float(rng.uniform(-8, 8)), HORIZON + 36 - size * 1.7),
                    (cx + size * 0.55, HORIZON + 36),
                ),
                colour,
            )
    return (box[0] - 10, box[1], box[2], HORIZON + 44)


def _accident(pen: Pen, rng: Rng) -> Box:
    x, y = float(rng.uniform(190, 300)), float(rng.uniform(228, 258))
    left = _car(pen, x, y, 52, (176, 62, 54))
    right = _car(pen, x + 84, y + 12, 52, (214, 214, 216))
    pen.polygon(((x + 82, y + 34), (x + 92, y + 4), (x + 104, y + 38)), (240, 216, 120))
    return (left[0] - 8, left[1] - 8, right[2] + 8, right[3] + 8)


def _crowd(pen: Pen, rng: Rng) -> Box:
    places = sorted((float(rng.uniform(215, 300)), float(rng.uniform(120, 520))) for _ in range(34))
    for y, x in places:
        coat = PAINTS[int(rng.integers(len(PAINTS)))]
        pen.rounded_rectangle((x - 8, y - 12, x + 8, y + 22), 6, coat)
        pen.ellipse((x - 6, y - 26, x + 6, y - 13), (206, 170, 142))
    return (104, 184, 536, 326)


# kind of event -> what draws it and tells where it is
SIGHTS: dict[str, Callable[[Pen, Rng], Box]] = {
    "flooding": _water,
    "smoke": _smoke,
    "fire": _fire,
    "accident": _accident,
    "crowd": _crowd,
}


def _rain(pen: Pen, rng: Rng) -> None:
    for x, y in rng.uniform((0, 0), (WIDTH, HEIGHT), (90, 2)):
        pen.line((x, y, x - 5, y + 17), (168, 176, 186))


def _words(pen: Pen, camera: str, now: datetime, kind: str, box: Box | None) -> None:
    plain, large = ImageFont.load_default(15), ImageFont.load_default(19)
    pen.rectangle((0, 0, WIDTH, 22), (14, 18, 24))
    pen.text((8, 2), f"{camera}   {now:%Y-%m-%d %H:%M:%S} UTC", (236, 240, 244), plain)
    pen.rectangle((WIDTH - 196, HEIGHT - 32, WIDTH, HEIGHT), (14, 18, 24))
    pen.text((WIDTH - 188, HEIGHT - 29), "SIMULATED", (248, 214, 92), large)
    for number, strokes in enumerate((MO, NI)):
        _character(pen, strokes, WIDTH - 62 + 28 * number, HEIGHT - 27)
    if box is not None:
        pen.rectangle(box, None, (248, 214, 92), 2)
        pen.rectangle((box[0], box[1], box[0] + 12 + 9 * len(kind), box[1] + 20), (248, 214, 92))
        pen.text((box[0] + 5, box[1] + 1), kind, (14, 18, 24), plain)


def _character(pen: Pen, strokes: Sequence[Line], left: float, top: float) -> None:
    for stroke in strokes:
        pen.line([(left + 1.1 * x, top + 1.1 * y) for x, y in stroke], (248, 214, 92), 2)
