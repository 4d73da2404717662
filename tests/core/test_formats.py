"""Which files are photos, who reads them, and what is said where nobody can."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imgfind.core import formats
from imgfind.core.errors import UnreadablePhotoError
from imgfind.core.formats import FORMATS, HEAD_BYTES, Kind, check_readable, kind_of, plugin_formats, suffixes


def without(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """Let ``module`` look as if it were not installed."""
    find_spec = importlib.util.find_spec

    def find(name: str, *arguments: Any) -> Any:
        return None if name == module else find_spec(name, *arguments)

    monkeypatch.setattr(importlib.util, "find_spec", find)


def test_formats_are_all_that_pillow_opens_but_the_named_exceptions() -> None:
    Image.init()
    left_out = {"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG", "IPTC", "FITS"}
    optional = {"FPX", "MIC"}  # in Pillow only where olefile happens to be installed
    plugins = {"HEIF", "JXL"}  # where another test has loaded them
    assert set(FORMATS) == set(Image.OPEN) - left_out - optional - plugins
    assert formats.formats() == FORMATS


def test_suffixes_hold_photos_and_leave_other_peoples_files_alone() -> None:
    assert {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".tif", ".gif", ".avif", ".jp2"} <= suffixes()
    assert {".heic", ".hif", ".jxl", ".nef", ".cr2", ".cr3", ".dng", ".jxr"} <= suffixes()
    assert not suffixes() & {"", ".pdf", ".eps", ".mpg", ".h5", ".fit", ".gbr", ".txt", ".mp4", ".mov", ".raw"}
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in suffixes())


@pytest.mark.parametrize(
    ("pattern", "kind"),
    [
        ("heic/*.heic", Kind.HEIF),
        ("heic/*.HEIC", Kind.HEIF),
        ("heic/*.avif", Kind.PLAIN),  # Pillow's, though libheif could read some
        ("jxl/*.jxl", Kind.JXL),
        ("raw/*.rw2", Kind.RAW),
        ("orientation/*.jpg", Kind.PLAIN),
    ],
)
def test_the_first_bytes_tell_who_reads_a_file_whatever_its_name(test_data: Path, pattern: str, kind: Kind) -> None:
    files = sorted((test_data / "photos").glob(pattern))
    assert files
    for path in files:
        assert kind_of(path.read_bytes()[:HEAD_BYTES], ".jpg") is kind, path.name


@pytest.mark.parametrize(
    ("head", "suffix", "kind"),
    [
        (b"II*\0\x08\0\0\0", ".NEF", Kind.RAW),  # a TIFF file by its first bytes
        (b"MM\0*\0\0\0\x08", ".dng", Kind.RAW),
        (b"II*\0\x08\0\0\0", ".tif", Kind.PLAIN),
        (b"\xff\xd8\xff\xe1", ".nef", Kind.PLAIN),  # a JPEG that is called so
        (b"\x89PNG\r\n\x1a\n", ".cr2", Kind.PLAIN),
        (b"\0\0\0\x18ftypcrx \0\0\0\1", ".cr3", Kind.RAW),
        (b"FUJIFILMCCD-RAW 0201", "", Kind.RAW),
        (b"II\xbc\x01", ".tif", Kind.JXR),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif", ".heic", Kind.PLAIN),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heic", ".jpg", Kind.HEIF),
        (b"", ".nef", Kind.PLAIN),
        (b"", "", Kind.PLAIN),
    ],
)
def test_raw_files_are_known_by_their_suffix_too(head: bytes, suffix: str, kind: Kind) -> None:
    assert kind_of(head, suffix) is kind


@pytest.mark.parametrize(
    ("kind", "module", "named"),
    [
        (Kind.HEIF, "pi_heif", ("HEIC", "pip install pi-heif")),
        (Kind.JXL, "pillow_jxl", ("JPEG XL", "GPL-3", "pip install 'imgfind[jxl]'")),
        (Kind.RAW, "rawpy", ("RAW", "pip install rawpy")),
    ],
)
def test_a_missing_plugin_is_a_passing_problem_that_names_the_remedy(
    monkeypatch: pytest.MonkeyPatch, kind: Kind, module: str, named: tuple[str, ...]
) -> None:
    check_readable(kind)
    without(monkeypatch, module)
    for ask in (check_readable, plugin_formats):
        with pytest.raises(UnreadablePhotoError) as caught:
            ask(kind)
        assert caught.value.transient
        assert all(word in caught.value.reason for word in named)


def test_a_plugin_that_cannot_be_loaded_is_a_passing_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> tuple[str, ...]:
        raise ImportError("libheif.so: cannot open shared object file")

    monkeypatch.setattr(formats, "_heif", broken)
    with pytest.raises(UnreadablePhotoError, match="pi-heif") as caught:
        plugin_formats(Kind.HEIF)
    assert caught.value.transient


def test_what_nobody_reads_is_a_lasting_problem() -> None:
    with pytest.raises(UnreadablePhotoError, match="JPEG XR") as caught:
        check_readable(Kind.JXR)
    assert not caught.value.transient


def test_plain_pictures_need_no_plugin() -> None:
    assert plugin_formats(Kind.PLAIN) == FORMATS
