"""One picture file, read once: what comes out of a file, and what happens to files that are no readable pictures."""

import builtins
import errno
import importlib.util
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
from PIL import Image

from imgfind.core import decode, formats, hashes, keypoints, models, reading
from imgfind.core.errors import UnreadablePhotoError
from imgfind.core.reading import full_picture, made_preview, read_bytes, read_photo
from imgfind.core.records import PixelArray, Preprocess
from tests.pictures import paint


@pytest.fixture(scope="module")
def preprocess() -> Preprocess:
    return models.find_model("starter").preprocess


def count_opens(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows by the path of every file :mod:`imgfind.core.reading` opens."""
    opened: list[str] = []

    def counting_open(path: str, mode: str) -> BinaryIO:
        opened.append(path)
        return builtins.open(path, mode)  # type: ignore[return-value]  # "rb" gives a binary file

    monkeypatch.setattr(reading, "open", counting_open, raising=False)
    return opened


def before_decoding(monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> None:
    """Let ``action`` happen while a file is being read: after its bytes were hashed, before they are decoded."""
    original = decode.decode

    def decode_after(file: BinaryIO, **arguments: Any) -> decode.DecodedPhoto:
        action()
        return original(file, **arguments)

    monkeypatch.setattr(decode, "decode", decode_after)


def reason_of(path: Path, preprocess: Preprocess) -> str:
    with pytest.raises(UnreadablePhotoError) as raised:
        read_photo(str(path), preprocess)
    return raised.value.reason


def test_a_photo_is_opened_once_and_gives_everything(
    tmp_path: Path, preprocess: Preprocess, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = paint(tmp_path / "a.jpg", (255, 0, 0), (640, 480))
    opened = count_opens(monkeypatch)

    read = read_photo(str(photo), preprocess)

    assert opened == [str(photo)]
    assert read.content_hash == hashes.content_hash(photo.read_bytes())
    assert (read.size_bytes, read.mtime_ns) == (photo.stat().st_size, photo.stat().st_mtime_ns)
    content = read.content
    assert content is not None
    assert (content.width_px, content.height_px, content.format) == (640, 480, "JPEG")
    assert content.pixels.shape == (preprocess.height_px, preprocess.width_px, 3)
    assert np.allclose(content.pixels.mean(axis=(0, 1)), (255, 0, 0), atol=6)
    with Image.open(io.BytesIO(content.preview)) as preview:
        assert min(preview.size) == decode.PREVIEW_EDGE_PX
    assert len(content.phash.bits) == 32
    assert set(read.core_s) == {"read and hash", "decode", "model input", "perceptual hash", "preview"}


def test_known_bytes_are_not_decoded(tmp_path: Path, preprocess: Preprocess, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = paint(tmp_path / "a.jpg")
    before_decoding(monkeypatch, lambda: pytest.fail("decoded"))

    read = read_photo(str(photo), preprocess, known={hashes.content_hash(photo.read_bytes())})

    assert read.content is None
    assert read.content_hash == hashes.content_hash(photo.read_bytes())


def test_a_large_file_is_hashed_in_chunks_and_gives_the_same(
    tmp_path: Path, preprocess: Preprocess, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = paint(tmp_path / "a.png", (0, 0, 255), (200, 100))
    in_memory = read_photo(str(photo), preprocess)
    monkeypatch.setattr(reading, "IN_MEMORY_BYTES", photo.stat().st_size - 1)
    monkeypatch.setattr(hashes, "content_hash", lambda data: pytest.fail("held in memory"))

    in_chunks = read_photo(str(photo), preprocess)

    assert in_chunks.content_hash == in_memory.content_hash
    assert in_chunks.content is not None
    assert in_memory.content is not None
    assert np.array_equal(in_chunks.content.pixels, in_memory.content.pixels)
    assert in_chunks.content.preview == in_memory.content.preview


@pytest.mark.parametrize("in_memory_bytes", [reading.IN_MEMORY_BYTES, 0])
def test_a_file_that_changes_while_it_is_read_is_tried_again_later(
    tmp_path: Path, preprocess: Preprocess, monkeypatch: pytest.MonkeyPatch, in_memory_bytes: int
) -> None:
    photo = paint(tmp_path / "a.jpg")
    monkeypatch.setattr(reading, "IN_MEMORY_BYTES", in_memory_bytes)
    before_decoding(monkeypatch, lambda: photo.write_bytes(photo.read_bytes() + b"more"))

    with pytest.raises(UnreadablePhotoError, match="changed while it was read") as raised:
        read_photo(str(photo), preprocess)

    assert raised.value.transient


def test_a_file_that_is_replaced_while_it_is_read_keeps_the_date_of_what_was_read(
    tmp_path: Path, preprocess: Preprocess, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, other = paint(tmp_path / "a.jpg"), paint(tmp_path / "b.jpg")
    os.utime(photo, ns=(0, 1_000_000_000))
    content_hash = hashes.content_hash(photo.read_bytes())
    before_decoding(monkeypatch, lambda: other.replace(photo))

    read = read_photo(str(photo), preprocess)

    # The next scan sees another date, and reads again.
    assert (read.content_hash, read.mtime_ns) == (content_hash, 1_000_000_000)


def test_a_file_that_went_away_is_a_passing_problem(tmp_path: Path, preprocess: Preprocess) -> None:
    with pytest.raises(UnreadablePhotoError, match="went away") as raised:
        read_photo(str(tmp_path / "a.jpg"), preprocess)

    assert raised.value.transient


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "no permission to read the file"),
        (OSError(errno.EIO, "Input/output error"), "the disk could not read the file (Input/output error)"),
        (OSError(errno.ESTALE, "Stale file handle"), "the disk could not read the file (Stale file handle)"),
    ],
)
def test_what_the_disk_refuses_is_a_passing_problem(
    tmp_path: Path, preprocess: Preprocess, monkeypatch: pytest.MonkeyPatch, error: OSError, reason: str
) -> None:
    def failing_open(path: str, mode: str) -> BinaryIO:
        raise error

    monkeypatch.setattr(reading, "open", failing_open, raising=False)

    with pytest.raises(UnreadablePhotoError) as raised:
        read_photo(str(tmp_path / "a.jpg"), preprocess)

    assert (raised.value.reason, raised.value.transient) == (reason, True)


def test_a_disk_that_fails_in_the_middle_of_a_large_file_is_a_passing_problem(
    tmp_path: Path, preprocess: Preprocess, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = paint(tmp_path / "a.png")
    monkeypatch.setattr(reading, "IN_MEMORY_BYTES", 0)

    class FailingFile(io.FileIO):
        def seek(self, position: int, whence: int = 0) -> int:
            self.rewound = True
            return super().seek(position, whence)

        def read(self, size: int | None = -1) -> bytes:
            if hasattr(self, "rewound"):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().read(size)

    monkeypatch.setattr(reading, "open", FailingFile, raising=False)

    with pytest.raises(UnreadablePhotoError) as raised:
        read_photo(str(photo), preprocess)

    assert raised.value.transient
    assert os.strerror(errno.EIO) in raised.value.reason


def test_a_damaged_file_is_a_lasting_problem(tmp_path: Path, preprocess: Preprocess) -> None:
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"no picture at all")

    with pytest.raises(UnreadablePhotoError) as raised:
        read_photo(str(photo), preprocess)

    assert not raised.value.transient


def test_an_empty_file_says_so(tmp_path: Path, preprocess: Preprocess) -> None:
    (tmp_path / "a.jpg").touch()

    assert reason_of(tmp_path / "a.jpg", preprocess) == "the file is empty"


def test_a_truncated_file_says_so(tmp_path: Path, preprocess: Preprocess) -> None:
    photo = paint(tmp_path / "a.jpg", size=(300, 200))
    photo.write_bytes(photo.read_bytes()[: photo.stat().st_size // 2])

    assert reason_of(photo, preprocess) == "the file is cut short"


def test_a_raw_file_is_not_taken_for_the_tiff_file_it_looks_like(tmp_path: Path, preprocess: Preprocess) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "a.NEF", format="TIFF")

    assert reason_of(tmp_path / "a.NEF", preprocess).startswith("not a camera RAW picture")


def test_a_file_whose_plugin_is_missing_is_not_even_read(
    tmp_path: Path, preprocess: Preprocess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(hashes, "content_hash", lambda data: pytest.fail("read"))
    (tmp_path / "a.jxl").write_bytes(b"\xff\x0a" + bytes(100))

    with pytest.raises(UnreadablePhotoError, match=r"pip install 'imgfind\[jxl\]'") as raised:
        read_photo(str(tmp_path / "a.jxl"), preprocess)

    assert raised.value.transient


@pytest.fixture
def isolated(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Return a list that grows by the suffix of every picture that is decoded in another process."""
    suffixes: list[str] = []
    ask = reading._workers.ask

    def counting(request: dict[str, Any], source: BinaryIO, size_bytes: int) -> tuple[dict[str, Any], bytes]:
        suffixes.append(request["suffix"])
        return ask(request, source, size_bytes)

    monkeypatch.setattr(reading._workers, "ask", counting)
    yield suffixes
    reading.end_workers()


@pytest.mark.parametrize("name", ["heic/example.heic", "jxl/splines.jxl"])
def test_pictures_whose_decoder_may_crash_are_decoded_in_another_process(
    test_data: Path, preprocess: Preprocess, monkeypatch: pytest.MonkeyPatch, isolated: list[str], name: str
) -> None:
    before_decoding(monkeypatch, lambda: pytest.fail("decoded here"))
    path = test_data / "photos" / name

    content = read_photo(str(path), preprocess).content
    pasted = read_bytes(path.read_bytes(), preprocess).content
    preview = made_preview(str(path))

    assert content is not None
    assert pasted is not None
    assert np.array_equal(content.pixels, pasted.pixels)
    assert content.preview == preview
    assert isolated == [path.suffix, "", path.suffix]


def test_plain_pictures_are_decoded_here_until_a_decoder_failed(
    tmp_path: Path, preprocess: Preprocess, monkeypatch: pytest.MonkeyPatch, isolated: list[str]
) -> None:
    photo = str(paint(tmp_path / "a.jpg"))
    here = read_photo(photo, preprocess).content
    assert here is not None
    assert isolated == []

    monkeypatch.setattr(reading._workers, "failed", True)
    there = read_photo(photo, preprocess).content
    assert isolated == [".jpg"]
    assert there is not None
    assert np.array_equal(here.pixels, there.pixels)

    reading.end_workers()
    read_photo(photo, preprocess)
    read_photo(photo, preprocess, isolate=True)
    assert isolated == [".jpg", ".jpg"]


@pytest.mark.parametrize("isolate", [False, True])
def test_a_picture_is_described_where_that_is_asked_for(
    tmp_path: Path, skimage_photos: Path, preprocess: Preprocess, isolate: bool
) -> None:
    photo = str(tmp_path / "a.jpg")
    Image.open(skimage_photos / "coffee.png").convert("RGB").save(photo, quality=90)
    plain = read_photo(photo, preprocess, isolate=isolate).content
    described = read_photo(photo, preprocess, isolate=isolate, describe=True).content
    assert plain is not None
    assert described is not None
    assert plain.descriptor is None
    assert described.preview == plain.preview
    assert described.descriptor is not None

    # The same places, but for what the preview lost as a JPEG, as are found in it later.
    codes = np.frombuffer(described.descriptor, keypoints.KEYPOINT)["code"]
    later = np.frombuffer(keypoints.describe(Image.open(io.BytesIO(plain.preview))), keypoints.KEYPOINT)["code"]
    nearest = np.bitwise_count(codes[:, np.newaxis] ^ later).min(axis=1)
    assert np.mean(nearest <= 6) > 0.8


def test_a_large_file_is_isolated_too(
    test_data: Path, preprocess: Preprocess, monkeypatch: pytest.MonkeyPatch, isolated: list[str]
) -> None:
    path = str(test_data / "photos/heic/example.heic")
    in_memory = read_photo(path, preprocess).content
    monkeypatch.setattr(reading, "IN_MEMORY_BYTES", 0)
    streamed = read_photo(path, preprocess).content

    assert in_memory is not None
    assert streamed is not None
    assert np.array_equal(in_memory.pixels, streamed.pixels)
    assert len(isolated) == 2


def test_a_mistake_of_ours_in_the_other_process_is_raised_here(
    test_data: Path, preprocess: Preprocess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading._workers, "ask", lambda *question: ({"bug": "Traceback: no_such_name"}, b""))

    with pytest.raises(RuntimeError, match="no_such_name"):
        read_photo(str(test_data / "photos/heic/example.heic"), preprocess)


def test_every_hostile_file_ends_as_a_photo_or_as_a_problem_in_the_other_process(
    test_data: Path, preprocess: Preprocess, isolated: list[str]
) -> None:
    files = sorted(path for path in (test_data / "hostile").rglob("*") if path.is_file())
    problems = []
    for path in files:
        try:
            read_photo(str(path), preprocess, isolate=True)
        except UnreadablePhotoError as problem:
            problems.append(problem)
    assert len(isolated) == len(files) > 300
    assert 50 < len(problems) < len(files) - 50
    assert not any(problem.transient for problem in problems)
    assert not reading._workers.failed, "no decoder crashed or hung"


def test_a_wrong_suffix_does_not_matter(tmp_path: Path, preprocess: Preprocess) -> None:
    Image.new("RGB", (64, 64), "red").save(tmp_path / "a.jpg", format="PNG")

    content = read_photo(str(tmp_path / "a.jpg"), preprocess).content

    assert content is not None
    assert content.format == "PNG"


def test_bytes_give_the_same_as_the_file(tmp_path: Path, preprocess: Preprocess) -> None:
    photo = paint(tmp_path / "a.jpg")
    from_file, from_bytes = read_photo(str(photo), preprocess), read_bytes(photo.read_bytes(), preprocess)

    assert from_bytes.content_hash == from_file.content_hash
    assert from_bytes.content is not None
    assert from_file.content is not None
    assert np.array_equal(from_bytes.content.pixels, from_file.content.pixels)


@pytest.mark.parametrize("data", [b"", b"no picture", b"\0\0\0\x18ftypheic"])
def test_bytes_that_are_no_picture_are_refused(data: bytes, preprocess: Preprocess) -> None:
    with pytest.raises(UnreadablePhotoError):
        read_bytes(data, preprocess)


@pytest.mark.parametrize(("edge_px", "least", "most"), [(200, 200, 400), (10_000, 1200, 1200)])
def test_a_picture_to_look_at_has_the_pixels_wanted(tmp_path: Path, edge_px: int, least: int, most: int) -> None:
    photo = paint(tmp_path / "a.jpg", (0, 200, 0), (1600, 1200))

    picture = full_picture(str(photo), edge_px)

    assert (picture.width_px, picture.height_px) == (1600, 1200)
    assert least <= min(picture.pixels.shape[:2]) <= most
    assert np.allclose(picture.pixels.mean(axis=(0, 1)), (0, 200, 0), atol=6)


@pytest.mark.parametrize("turn", range(9))
def test_a_picture_to_look_at_is_upright(test_data: Path, turn: int) -> None:
    def corners(number: int) -> PixelArray:
        pixels = full_picture(str(test_data / f"photos/orientation/Landscape_{number}.jpg"), 100).pixels
        return np.array([pixels[20, 20], pixels[20, -20], pixels[-20, 20], pixels[-20, -20]])

    assert np.allclose(corners(turn), corners(1), atol=40)


def test_a_picture_to_look_at_is_the_same_from_another_process(
    test_data: Path, monkeypatch: pytest.MonkeyPatch, isolated: list[str]
) -> None:
    path = str(test_data / "photos/heic/example.heic")
    there = full_picture(path, 300)
    monkeypatch.setattr(formats, "RISKY", frozenset())
    here = full_picture(path, 300)

    assert isolated == [".heic"]
    assert np.array_equal(there.pixels, here.pixels)
    assert (there.width_px, there.height_px) == (here.width_px, here.height_px)


def test_a_picture_that_cannot_be_looked_at_says_why(tmp_path: Path, test_data: Path, isolated: list[str]) -> None:
    with pytest.raises(UnreadablePhotoError, match="went away"):
        full_picture(str(tmp_path / "gone.jpg"), 100)
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    with pytest.raises(UnreadablePhotoError, match="not a picture"):
        full_picture(str(tmp_path / "bad.jpg"), 100)
    with pytest.raises(UnreadablePhotoError):
        full_picture(str(test_data / "photos/raw/unsupported.rw2"), 100)
    assert isolated == [".rw2"]


def test_every_hostile_file_can_be_looked_at_or_says_why(test_data: Path) -> None:
    for path in sorted(path for path in (test_data / "hostile").rglob("*") if path.is_file()):
        try:
            picture = full_picture(str(path), 1080)
        except UnreadablePhotoError:
            continue
        assert picture.pixels.ndim == 3
    assert not reading._workers.failed, "no decoder crashed or hung"
    reading.end_workers()
