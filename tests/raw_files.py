"""Makes small camera RAW files for tests: uncompressed DNG files (Adobe's specification 1.7) of one colour."""

import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image

ASCII, SHORT, LONG, RATIONAL, SRATIONAL, BYTE = 2, 3, 4, 5, 10, 1
_FORMATS = {BYTE: "B", ASCII: "B", SHORT: "H", LONG: "I"}

Tag = tuple[int, int, "tuple[int, ...] | tuple[float, ...] | bytes"]


def write_dng(
    path: Path,
    colour: tuple[int, int, int] = (200, 100, 50),
    size: tuple[int, int] = (640, 480),
    *,
    orientation: int = 1,
    preview: bytes | None = None,
) -> Path:
    """Write a sensor's pixels behind a colour filter (red first), 16 bits each, and maybe a JPEG as preview."""
    width, height = size
    sensor = np.empty((height, width), np.uint16)
    red, green, blue = ((value / 255) ** 2.2 * 65535 for value in colour)
    sensor[0::2, 0::2], sensor[0::2, 1::2], sensor[1::2, 0::2], sensor[1::2, 1::2] = red, green, green, blue
    # From XYZ to linear sRGB (IEC 61966-2-1): a camera that sees what a screen shows.
    matrix = (3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570)
    parts = [struct.pack("<2sHI", b"II", 42, 8)]
    raw: list[Tag] = [
        (254, LONG, (0,)),
        (256, LONG, (width,)),
        (257, LONG, (height,)),
        (258, SHORT, (16,)),
        (259, SHORT, (1,)),
        (262, SHORT, (32803,)),
        (273, LONG, (0,)),
        (277, SHORT, (1,)),
        (278, LONG, (height,)),
        (279, LONG, (sensor.nbytes,)),
        (33421, SHORT, (2, 2)),
        (33422, BYTE, (0, 1, 1, 2)),
    ]
    camera: list[Tag] = [
        (271, ASCII, b"Imgfind\0"),
        (272, ASCII, b"Test 1\0"),
        (274, SHORT, (orientation,)),
        (306, ASCII, b"2021:03:04 05:06:07\0"),
        (50706, BYTE, (1, 4, 0, 0)),
        (50708, ASCII, b"Imgfind Test 1\0"),
        (50721, SRATIONAL, matrix),
        (50728, RATIONAL, (1.0, 1.0, 1.0)),
    ]
    if preview is None:
        _append(parts, raw + camera, sensor.tobytes())
    else:
        shown = Image.open(io.BytesIO(preview)).size
        jpeg: list[Tag] = [
            (254, LONG, (1,)),
            (256, LONG, (shown[0],)),
            (257, LONG, (shown[1],)),
            (258, SHORT, (8, 8, 8)),
            (259, SHORT, (7,)),
            (262, SHORT, (6,)),
            (273, LONG, (0,)),
            (277, SHORT, (3,)),
            (278, LONG, (shown[1],)),
            (279, LONG, (len(preview),)),
        ]
        place = _append(parts, jpeg + camera + [(330, LONG, (0,))], preview)
        start = sum(map(len, parts))
        _append(parts, raw, sensor.tobytes())
        parts[1] = parts[1][:place] + struct.pack("<I", start) + parts[1][place + 4 :]
    path.write_bytes(b"".join(parts))
    return path


def _append(parts: list[bytes], tags: list[Tag], strip: bytes) -> int:
    """Append a directory and the strip it describes; return where in it the place of the next directory belongs."""
    start = sum(map(len, parts))
    tags = sorted(tags)
    after = start + 2 + 12 * len(tags) + 4
    entries, values, place = [], b"", 0
    sizes = {tag: len(_packed(kind, value)) for tag, kind, value in tags}
    strip_start = after + sum(size + size % 2 for size in sizes.values() if size > 4)
    for number, (tag, kind, value) in enumerate(tags):
        data = _packed(kind, (strip_start,) if tag == 273 else value)
        count = len(value)
        if tag == 330:
            place = 2 + 12 * number + 8
        if len(data) > 4:
            entries.append(struct.pack("<HHII", tag, kind, count, after + len(values)))
            values += data + bytes(len(data) % 2)
        else:
            entries.append(struct.pack("<HHI4s", tag, kind, count, data))
    strip += bytes(len(strip) % 2)
    parts.append(struct.pack("<H", len(tags)) + b"".join(entries) + bytes(4) + values + strip)
    return place


def _packed(kind: int, value: "tuple[int, ...] | tuple[float, ...] | bytes") -> bytes:
    if kind in (RATIONAL, SRATIONAL):
        return b"".join(struct.pack("<iI", round(number * 10000), 10000) for number in value)
    return struct.pack(f"<{len(value)}{_FORMATS[kind]}", *value)
