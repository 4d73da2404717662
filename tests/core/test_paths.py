"""Paths shown, sent and stored: for every name a file can have."""

import os
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imgfind.core import paths

POSIX = pytest.mark.skipif(os.name != "posix", reason="file names are bytes on POSIX only")

names = st.binary(min_size=1, max_size=8).filter(lambda raw: not {b"/"[0], 0} & set(raw) and raw not in (b".", b".."))
absolute = st.lists(names, min_size=1, max_size=4).map(lambda parts: os.fsdecode(b"/" + b"/".join(parts)))
folders = st.one_of(st.just("/"), absolute)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/photos/Überlingen 2021.jpg", "/photos/Überlingen 2021.jpg"),
        ("/a\nb\tc", "/a\\x0ab\\x09c"),
        ("/\x1b[2Jgone", "/\\x1b[2Jgone"),
        ("/\x9b31m", "/\\x9b31m"),
        ("/exe\u202egpj", "/exe\\u202egpj"),
        ("/two\u2028lines\u2029", "/two\\u2028lines\\u2029"),
        ("/\udcff\udc80.jpg", "/\\xff\\x80.jpg"),
        ("/\ud800", "/\\ud800"),
        ("/\U000e0041", "/\\U000e0041"),
    ],
)
def test_a_path_is_shown_on_one_printable_line(path: str, shown: str) -> None:
    assert paths.displayed(path) == shown


@POSIX
@given(absolute)
def test_whatever_is_shown_can_be_printed(path: str) -> None:
    shown = paths.displayed(path)
    shown.encode("utf-8")
    assert len(shown.splitlines()) == 1
    assert "\x1b" not in shown


@POSIX
@given(absolute)
def test_a_path_comes_back_from_its_bytes(path: str) -> None:
    assert paths.from_bytes(paths.to_bytes(path)) == path


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("/a b/#1?.jpg", "file:///a%20b/%231%3F.jpg"),
        ("/100%.jpg", "file:///100%25.jpg"),
        ("/ä\n.jpg", "file:///%C3%A4%0A.jpg"),
        ("/\udcff.jpg", "file:///%FF.jpg"),
        ("//twice/a.jpg", "file:////twice/a.jpg"),
    ],
)
@POSIX
def test_a_uri_escapes_what_it_must(path: str, uri: str) -> None:
    assert paths.uri(path) == uri


@POSIX
@given(absolute)
@example("//server/share/a.jpg")
@example("/a:b/c;d=e&f.jpg")
def test_a_uri_leads_back_to_the_very_path(path: str) -> None:
    parts = urlsplit(paths.uri(path))
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("file", "", "", "")
    assert os.fsdecode(unquote_to_bytes(parts.path)) == path


@POSIX
def test_the_subtree_of_the_root_of_all_is_everything() -> None:
    assert paths.subtree_bounds("/") == (b"/", b"0")
    assert paths.is_below("/a", "/")
    assert paths.is_below("/", "/")


@POSIX
@given(folders, absolute)
@example("/a/b", "/a/bc")
@example("/a/b", "/a/b-c")
@example("/a/b", "/a/b0")
@example("/a/b", "/a/b/\udcff")
@example("/a%", "/ab/c")
@example("/a\udcff", "/a\udcff/\udcff\udcff")
def test_a_subtree_holds_exactly_what_its_name_begins(folder: str, path: str) -> None:
    low, high = paths.subtree_bounds(folder)
    below = os.fsencode(path).startswith(os.fsencode(folder).rstrip(b"/") + b"/")
    assert (low <= os.fsencode(path) < high) == below
    assert paths.is_below(path, folder) == (below or path == folder)


@POSIX
@given(folders, absolute)
def test_what_is_joined_to_a_folder_is_below_it(folder: str, path: str) -> None:
    joined = folder.rstrip("/") + path
    low, high = paths.subtree_bounds(folder)
    assert low <= os.fsencode(joined) < high
    assert paths.is_below(joined, folder)
    assert not paths.is_below(folder, joined)


@pytest.mark.parametrize(
    ("path", "other", "accents", "case"),
    [
        ("/a/b.jpg", "/a/b.jpg", True, True),
        ("/caf\u00e9.jpg", "/cafe\u0301.jpg", True, True),
        ("/a/IMG.JPG", "/a/img.jpg", False, True),
        ("/Stra\u00dfe", "/STRASSE", False, True),
        ("/\u00c9.jpg", "/e\u0301.jpg", False, True),
        ("/e.jpg", "/\u00e9.jpg", False, False),
        ("/\udcff.jpg", "/\udcfe.jpg", False, False),
    ],
)
def test_paths_that_differ_in_their_spelling_only_are_alike(path: str, other: str, accents: bool, case: bool) -> None:
    assert paths.same_but_for_accents(path, other) is accents
    assert paths.same_but_for_case(path, other) is case
