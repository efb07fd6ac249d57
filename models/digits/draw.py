"""Draws digits: strokes with pen wobble, rasterised with anti-aliasing. Needs numpy only.

    python draw.py FOLDER               the sample images and the calibration set of this folder
    python draw.py --training FOLDER    6,000 digits to train with, and 1,000 others
"""

import gzip
import struct
import sys
import zlib
from pathlib import Path

import numpy as np


def arc(cx, cy, rx, ry, start, stop, n=9):
    """Points on an ellipse, angles in degrees, clockwise from three o'clock (y points down)."""
    t = np.radians(np.linspace(start, stop, n))
    return np.stack([cx + rx * np.cos(t), cy + ry * np.sin(t)], axis=1)


def path(*parts):
    return np.concatenate([np.atleast_2d(np.asarray(p, float)) for p in parts])


# Every way of writing a digit is a list of strokes in the unit square.
GLYPHS = {
    0: [[arc(0.5, 0.5, 0.30, 0.48, -100, 265, 17)], [arc(0.5, 0.5, 0.40, 0.46, -70, 290, 17)]],
    1: [
        [path([0.5, 0.0], [0.5, 0.5], [0.5, 1.0])],
        [path([0.30, 0.22], [0.42, 0.12], [0.54, 0.0]), path([0.54, 0.0], [0.53, 0.5], [0.52, 1.0])],
        [
            path([0.30, 0.22], [0.42, 0.12], [0.54, 0.0]),
            path([0.54, 0.0], [0.53, 0.5], [0.53, 1.0]),
            path([0.28, 1.0], [0.53, 1.0], [0.78, 1.0]),
        ],
    ],
    2: [
        [
            path(
                arc(0.48, 0.28, 0.34, 0.28, -165, 30, 9),
                [0.60, 0.60], [0.36, 0.82], [0.14, 0.98], [0.16, 0.99], [0.5, 0.98], [0.88, 0.97],
            )
        ],
        [
            path(
                arc(0.48, 0.27, 0.33, 0.27, -170, 40, 9),
                [0.52, 0.64], [0.28, 0.88], [0.14, 0.90], [0.16, 0.78], [0.32, 0.80], [0.58, 0.96], [0.90, 0.88],
            )
        ],
    ],
    3: [
        [path(arc(0.46, 0.26, 0.32, 0.26, -150, 75, 9), [0.42, 0.50], arc(0.46, 0.74, 0.36, 0.26, -80, 145, 9))],
        [
            path([0.14, 0.02], [0.48, 0.01], [0.84, 0.02]),
            path([0.84, 0.02], [0.64, 0.22], [0.44, 0.42]),
            path([0.44, 0.42], arc(0.46, 0.70, 0.38, 0.28, -70, 145, 9)),
        ],
    ],
    4: [
        [
            path([0.20, 0.05], [0.16, 0.32], [0.12, 0.56]),
            path([0.12, 0.56], [0.50, 0.56], [0.90, 0.53]),
            path([0.78, 0.05], [0.74, 0.50], [0.70, 1.0]),
        ],
        [
            path([0.62, 0.0], [0.36, 0.34], [0.08, 0.66]),
            path([0.08, 0.66], [0.50, 0.66], [0.92, 0.66]),
            path([0.64, 0.02], [0.64, 0.50], [0.64, 1.0]),
        ],
    ],
    5: [
        [
            path([0.82, 0.02], [0.52, 0.02], [0.22, 0.02]),
            path([0.22, 0.02], [0.20, 0.22], [0.18, 0.42]),
            path([0.18, 0.42], arc(0.46, 0.69, 0.37, 0.30, -100, 150, 11)),
        ]
    ],
    6: [
        [path([0.72, 0.02], [0.46, 0.14], [0.26, 0.40], [0.16, 0.68], arc(0.48, 0.73, 0.32, 0.26, 165, -175, 15))],
        [path([0.60, 0.0], [0.34, 0.28], [0.20, 0.56], [0.18, 0.76], arc(0.46, 0.75, 0.28, 0.24, 160, -180, 15))],
    ],
    7: [
        [path([0.12, 0.04], [0.50, 0.03], [0.88, 0.02]), path([0.88, 0.02], [0.62, 0.46], [0.38, 1.0])],
        [
            path([0.12, 0.06], [0.50, 0.03], [0.88, 0.02]),
            path([0.88, 0.02], [0.64, 0.46], [0.42, 1.0]),
            path([0.34, 0.52], [0.60, 0.50], [0.84, 0.48]),
        ],
        [
            path([0.14, 0.20], [0.13, 0.12], [0.14, 0.04]),
            path([0.14, 0.04], [0.50, 0.03], [0.86, 0.02]),
            path([0.86, 0.02], [0.70, 0.46], [0.60, 1.0]),
        ],
    ],
    8: [
        [
            path(
                [0.74, 0.14], [0.50, 0.01], [0.24, 0.14], [0.28, 0.34], [0.52, 0.49], [0.76, 0.66], [0.76, 0.88],
                [0.48, 0.99], [0.22, 0.86], [0.24, 0.66], [0.50, 0.48], [0.74, 0.32], [0.74, 0.12],
            )
        ],
        [arc(0.5, 0.25, 0.27, 0.24, 80, -285, 15), arc(0.5, 0.74, 0.33, 0.26, -95, 270, 15)],
    ],
    9: [
        [path(arc(0.46, 0.28, 0.31, 0.27, -10, -365, 15), [0.76, 0.40], [0.72, 0.70], [0.66, 1.0])],
        [path(arc(0.46, 0.28, 0.33, 0.27, -10, -365, 15), [0.78, 0.52], [0.72, 0.84], [0.52, 0.99], [0.26, 0.92])],
    ],
}


def smooth(points, steps):
    """Catmull-Rom spline through the points, `steps` samples per span."""
    p = np.concatenate([[2 * points[0] - points[1]], points, [2 * points[-1] - points[-2]]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    spans = []
    for a, b, c, d in zip(p, p[1:], p[2:], p[3:]):
        spans.append(
            b + 0.5 * t * (c - a) + t**2 * (a - 2.5 * b + 2 * c - 0.5 * d) + t**3 * (1.5 * (b - c) + 0.5 * (d - a))
        )
    return np.concatenate(spans + [points[-1:]])


def wobble(rng, n, amount):
    """Slow random drift of a hand: a few low frequencies with random phases."""
    t = np.linspace(0, 1, n)
    out = np.zeros((n, 2))
    for freq in (1, 2, 3, 5):
        phase = rng.uniform(0, 2 * np.pi, 2)
        out += amount / freq * np.sin(2 * np.pi * freq * t[:, None] + phase) * rng.normal(0, 1, 2)
    return out


def ink(rng, digit, size, pen=None, hand=1.0, steps=None):
    """A `size` x `size` float image, 0 is background and 1 is ink.

    The digit fills a box of 20/28 of the side and its centre of mass is centred, as in MNIST.
    `hand` scales every irregularity; `pen` is the width in units of 1/28 of the side.
    """
    glyphs = GLYPHS[digit]
    strokes = glyphs[rng.integers(len(glyphs))]
    steps = steps or max(8, size // 5)
    pen = pen if pen is not None else rng.uniform(1.7, 3.4)
    angle = np.radians(rng.normal(0, 6) * hand)
    shear = rng.normal(0.08, 0.16) * hand
    aspect = np.exp(rng.normal(0, 0.14) * hand) * (0.45 if digit == 1 and len(strokes) < 3 else 0.74)
    affine = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.array(
        [[aspect, -shear], [0.0, 1.0]]
    )
    curves = []
    for stroke in strokes:
        knots = (stroke - 0.5 + rng.normal(0, 0.022 * hand, stroke.shape)) @ affine.T
        line = smooth(knots, steps)
        curves.append(line + wobble(rng, len(line), 0.012 * hand))
    everything = np.concatenate(curves)
    low, high = everything.min(0), everything.max(0)
    scale = rng.uniform(17.5, 20.0) / 28 / max(high - low) * size * (1 - pen / 28)
    unit = size / 28
    grid = np.stack(np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5), axis=-1).reshape(-1, 2)

    def raster(offset):
        image = np.zeros(size * size)
        for line, width in zip(curves, widths):
            points = (line - (low + high) / 2) * scale + size / 2 + offset
            for start in range(0, len(points), 64):
                part = points[start : start + 64]
                far = np.sqrt(((grid[:, None, :] - part[None]) ** 2).sum(-1))
                image = np.maximum(image, np.clip(width[start : start + 64] - far + 0.5, 0, 1).max(1))
        return image.reshape(size, size)

    widths = []
    for line in curves:
        pressure = 1 + 0.10 * hand * wobble(rng, len(line), 1.0)[:, 0]
        widths.append(0.5 * pen * unit * np.clip(pressure, 0.7, 1.3))
    image = raster(np.zeros(2))
    axis = np.arange(size) + 0.5
    mass = np.array([(image.sum(0) * axis).sum(), (image.sum(1) * axis).sum()]) / image.sum()
    return raster(size / 2 - mass)


def digits(rng, count):
    """`count` images of 28 x 28 bytes and their labels, classes in turn."""
    labels = np.arange(count) % 10
    images = np.stack([ink(rng, d, 28) for d in labels])
    return np.round(images * 255).astype(np.uint8), labels.astype(np.uint8)


def chalk(rng, digit, size):
    """A photograph of a blackboard: uneven light, chalk that skips, sensor noise."""
    y, x = np.mgrid[0:size, 0:size] / size
    board = 26 + 16 * x - 10 * y
    grain = np.clip(rng.normal(1.0, 0.10, (size, size)), 0.6, 1.0)
    mark = ink(rng, digit, size, pen=2.7) * grain
    photo = board * (1 - mark) + 232 * mark + rng.normal(0, 1.5, (size, size))
    return np.clip(np.round(photo), 0, 255).astype(np.uint8)


def paper(rng, digit, height, width):
    """Dark ink on white paper, wider than high: must be cropped and inverted."""
    y, x = np.mgrid[0:height, 0:width] / height
    sheet = 246 - 10 * x + 4 * y
    mark = np.zeros((height, width))
    left = (width - height) // 2
    mark[:, left : left + height] = ink(rng, digit, height, pen=2.6)
    photo = sheet * (1 - mark) + 30 * mark + rng.normal(0, 1.0, (height, width))
    return np.clip(np.round(photo), 0, 255).astype(np.uint8)


def write_png(file, image):
    """8-bit grey PNG."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = image.shape
    rows = b"".join(b"\0" + row.tobytes() for row in image)
    file.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b"")
    )


def write_idx(file, array):
    """MNIST's container, gzipped without a time stamp."""
    head = struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    with open(file, "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as out:
        out.write(head + array.tobytes())


def read_idx(file):
    data = gzip.open(file).read() if str(file).endswith(".gz") else Path(file).read_bytes()
    dims = struct.unpack(f">{data[3]}I", data[4 : 4 + 4 * data[3]])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(dims)


def write_set(folder, name, rng, count):
    images, labels = digits(rng, count)
    write_idx(folder / f"{name}-images-idx3-ubyte.gz", images)
    write_idx(folder / f"{name}-labels-idx1-ubyte.gz", labels)


def shipped(folder):
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(2026)
    for digit in range(10):
        image = np.round(ink(rng, digit, 28) * 255).astype(np.uint8)
        write_png(folder / "images" / f"{digit}.png", image)
    write_png(folder / "images" / "chalk-4.png", chalk(rng, 4, 280))
    write_png(folder / "images" / "paper-7.png", paper(rng, 7, 240, 320))
    write_set(folder, "drawn", rng, 64)


def training(folder):
    folder.mkdir(parents=True, exist_ok=True)
    write_set(folder, "train", np.random.default_rng(20261122), 6000)
    write_set(folder, "fresh", np.random.default_rng(20261123), 1000)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        shipped(Path(sys.argv[1]))
    elif len(sys.argv) == 3 and sys.argv[1] == "--training":
        training(Path(sys.argv[2]))
    else:
        sys.exit(__doc__)
