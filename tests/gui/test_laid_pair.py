"""Two photos laid on each other: turned ones, crops, borders."""

from pathlib import Path

import numpy as np
import pytest
import skimage
from PIL import Image, ImageOps
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QImage

from imgfind.core.library import Library
from imgfind.core.records import Label
from imgfind.gui.laid_pair import LaidPair, PairKey, difference, load_pair
from tests.fake_encoder import FakeEncoder

TURNS = [
    None,
    Image.Transpose.FLIP_LEFT_RIGHT,
    Image.Transpose.ROTATE_180,
    Image.Transpose.FLIP_TOP_BOTTOM,
    Image.Transpose.TRANSPOSE,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_90,
]
BOX = QSize(800, 800)


def laid(folder: Path, kept: Image.Image, member: Image.Image, label: Label, turn: int = 0) -> LaidPair:
    (folder / "photos").mkdir()
    kept.save(folder / "photos" / "a.png")
    member.save(folder / "photos" / "b.png")
    with Library(folder / "library", load_encoder=FakeEncoder) as library:
        library.index([str(folder / "photos")])
        ids = library.photos.ids_of_paths([str(folder / "photos" / name) for name in ("a.png", "b.png")])
        return load_pair(library, PairKey(ids[0], ids[1], label, turn), BOX)


def coffee() -> Image.Image:
    return Image.open(Path(skimage.__file__).parent / "data" / "coffee.png").convert("RGB")


def brightness(image: QImage) -> float:
    """Return the mean of what is opaque, 0-255."""
    pixels = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)
    return float(pixels[pixels[..., 3] == 255][:, :3].mean())


@pytest.mark.parametrize("turn", range(8))
def test_what_was_turned_is_turned_back_even_where_nothing_can_be_recognised(tmp_path: Path, turn: int) -> None:
    plain = Image.new("RGB", (120, 80), "navy")
    plain.paste("red", (0, 0, 30, 20))
    operation = TURNS[turn]
    turned = plain if operation is None else plain.transpose(operation)
    pair = laid(tmp_path, plain, turned, Label.RE_ENCODED, turn)
    assert pair.kept is not None
    assert pair.member is not None
    assert pair.size == QSize(120, 80)
    for image in (pair.kept, pair.member):
        assert image.pixelColor(8, 8) == QColor("red")
        assert image.pixelColor(110, 8) == image.pixelColor(8, 70) == image.pixelColor(110, 70) == QColor("navy")


@pytest.mark.parametrize("turn", [1, 5, 6])
def test_a_turned_photo_lies_on_the_other(tmp_path: Path, turn: int) -> None:
    operation = TURNS[turn]
    assert operation is not None
    pair = laid(tmp_path, coffee(), coffee().transpose(operation), Label.TURNED, turn)
    shown = difference(pair)
    assert shown is not None
    assert brightness(shown) < 12, "4 times the difference"


def test_a_crop_lies_where_it_was_cut_out(tmp_path: Path) -> None:
    pair = laid(tmp_path, coffee(), coffee().crop((90, 60, 510, 340)), Label.CROPPED)
    assert pair.member is not None
    assert pair.size == QSize(600, 400)
    opaque = [pair.member.pixelColor(x, 200).alpha() == 255 for x in (80, 100, 500, 520)]
    assert opaque == [False, True, True, False]
    shown = difference(pair)
    assert shown is not None
    assert shown.pixelColor(20, 20).alpha() == 0, "there is nothing to compare"
    assert brightness(shown) < 12


def test_a_border_stands_out_around_the_photo(tmp_path: Path) -> None:
    pair = laid(tmp_path, coffee(), ImageOps.expand(coffee(), 40, "white"), Label.EDITED)
    assert abs(pair.size.width() - 680) <= 4
    assert abs(pair.size.height() - 480) <= 4
    assert pair.kept is not None
    assert pair.member is not None
    assert pair.kept.pixelColor(10, 240).alpha() == 0
    assert pair.member.pixelColor(10, 240) == QColor("white")


def test_a_photo_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    library = Library(tmp_path / "none", load_encoder=FakeEncoder)
    assert load_pair(library, PairKey(1, 2, Label.IDENTICAL, 0), BOX).problem  # type: ignore[arg-type]
