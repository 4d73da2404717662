"""Every command, as a table for people and as a document for programs."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from urllib.parse import unquote_to_bytes

import pytest

from imgfind.core import wording
from tests.command_line import child_command, child_environment, run_child
from tests.pictures import age, paint

ODD_NAMES = (
    b"new\nline.jpg",
    b"quote\"'.jpg",
    b"caf\xe9.jpg",
    b"\xff\xfe.jpg",
    "日本 é.jpg".encode(),
    b"a\x1b[31m.jpg",
)


@pytest.fixture
def photos(tmp_path):
    """Return a folder with a red, a green and a blue photo."""
    folder = tmp_path / "photos"
    for name, colour in {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}.items():
        paint(folder / f"{name}.jpg", colour)
    return folder


@pytest.fixture
def indexed(photos, imgfind):
    """Return the same folder, indexed into the default library."""
    assert imgfind("index", photos).code == 0
    return photos


@pytest.fixture
def oddly_named(tmp_path):
    if sys.platform != "linux":
        pytest.skip("other systems refuse such names")
    folder = tmp_path / "odd"
    for name in ODD_NAMES:
        paint(folder / os.fsdecode(name))
    return folder


def row_of(path, text):
    """Return the cells of the one row that ends in ``path``."""
    (row,) = [line for line in text.splitlines() if line.endswith(str(path))]
    return row.removesuffix(str(path)).split()


# index


def test_index_tells_what_it_did_in_one_line(photos, imgfind):
    shutil.copy(photos / "red.jpg", photos / "copy.jpg")
    first, second = imgfind("index", photos), imgfind("index")
    assert (first.code, first.err) == (0, "")
    assert first.text.startswith("4 photos in the library: 3 encoded, 1 known already, in ")
    assert first.text.endswith(" img/s).\n")
    assert (second.code, second.err) == (0, "")
    assert second.text.startswith("4 photos in the library: 4 files unchanged, in ")
    assert second.text.count("\n") == 1


def test_one_photo_is_no_plural(tmp_path, imgfind):
    paint(tmp_path / "p" / "a.jpg")
    (tmp_path / "p" / "bad.jpg").write_text("x")
    outcome = imgfind("index", tmp_path / "p")
    assert outcome.text.startswith("1 photo in the library: 1 encoded, in ")
    assert outcome.err == "1 file could not be read; see: imgfind problems\n"


def test_verbose_says_where_the_time_went_on_stderr(photos, imgfind):
    outcome = imgfind("-v", "index", photos)
    assert "  decode: 0." in outcome.err
    assert outcome.err.count(" core-seconds\n") == len(outcome.err.splitlines())
    assert outcome.text.count("\n") == 1


def test_progress_as_json_ends_with_the_counts(photos, imgfind):
    (photos / "bad.jpg").write_text("x")
    outcome = imgfind("index", photos, "--progress", "json")
    assert outcome.code == 0
    *progress, done = [json.loads(line) for line in outcome.err.splitlines()]
    assert {record["stage"] for record in progress} == {"scanning", "loading the model", "indexing", "backing up"}
    last = [record for record in progress if record["stage"] == "indexing"][-1]
    assert (last["done"], last["total"], last["problems"]) == (4, 4, 1)
    assert (done["stage"], done["photos"], done["encoded"], done["problems"]) == ("done", 3, 3, 1)
    assert done["model"] == "starter"


def test_progress_none_and_a_stderr_nobody_watches_stay_silent(photos, imgfind):
    assert imgfind("index", photos, "--progress", "none").err == ""
    assert imgfind("index", photos).err == ""


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("option", "shown"), [("auto", True), ("none", False)])
def test_the_bar_is_shown_on_a_terminal(photos, option, shown):
    import pty
    import termios

    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))  # a new one has no columns, and the bar no room
    try:
        outcome = run_child("index", photos, "--progress", option, stderr=theirs)
    finally:
        os.close(theirs)
    written = b""
    try:
        while chunk := os.read(ours, 65536):
            written += chunk
    except OSError:  # Linux: the other end is closed
        pass
    finally:
        os.close(ours)
    assert outcome.code == 0
    assert outcome.text.startswith("3 photos in the library: 3 encoded, in ")
    assert (b"indexing: " in written, b"loading the model ..." in written) == (shown, shown)


def test_excludes_are_remembered(photos, imgfind):
    paint(photos / "a_thumb.jpg")
    assert imgfind("index", photos, "--exclude", "*_thumb*").text.startswith("3 photos ")
    paint(photos / "b_thumb.jpg")
    assert imgfind("index").text.startswith("3 photos in the library: 3 files unchanged, ")


def test_model_device_jobs_and_batch_size_are_accepted(photos, imgfind):
    outcome = imgfind(
        "index", photos, "--model", "starter", "--device", "cpu", "--jobs", "1", "--batch-size", "1",
        "--progress", "json",
    )  # fmt: skip
    assert outcome.code == 0
    steps = [json.loads(line) for line in outcome.err.splitlines()]
    assert [step["done"] for step in steps if step["stage"] == "indexing"][:3] == [1, 2, 3]


def test_photos_missing_in_bulk_are_kept_until_it_is_confirmed(indexed, imgfind):
    for name in ("red", "green", "blue"):
        (indexed / f"{name}.jpg").unlink()
    missing = imgfind("index")
    assert missing.text.startswith("3 photos in the library: ")
    assert missing.err == (
        "Kept as offline: 3 photos; the drive is away, or too many vanished at once."
        " If they are deleted for good: imgfind index --confirm-missing, or imgfind roots forget FOLDER\n"
    )
    assert "red.jpg  (offline)\n" in imgfind("search", "red").text
    assert imgfind("status").text.splitlines()[1] == "photos:   3 (3 offline)"
    confirmed = imgfind("index", "--confirm-missing")
    assert confirmed.text.startswith("0 photos in the library: 3 gone, in ")
    assert confirmed.err == ""


BLOCKED_IN_THE_SECOND_BATCH = """
class Encoder(Encoder):
    def encode_images(self, batch):
        if self.encoded == 1:
            print("blocked", flush=True)
            sys.stdin.readline()
        return super().encode_images(batch)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_indexing_and_finished_batches_stay(photos, imgfind, number):
    for name in "abcdefg":
        paint(photos / f"{name}.jpg")
    options = ("--batch-size", "1", "--jobs", "1")
    command = child_command("index", photos, *options, prelude=BLOCKED_IN_THE_SECOND_BATCH)
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, env=child_environment(), text=True, **pipes) as child:
        assert child.stdout.readline() == "blocked\n"
        child.send_signal(number)
        out, err = child.communicate("go on\n")
    assert (child.returncode, out) == (130, "")
    assert err == "Stopped. What was finished is kept; run the command again to go on.\n"
    kept = imgfind("status", "--json").json["photos"]
    assert 1 <= kept < 10
    rest = f"{10 - kept} encoded, {wording.count(kept, 'file')} unchanged"
    assert imgfind("index").text.startswith(f"10 photos in the library: {rest}, in ")


INTERRUPTED_TWICE = """
class Encoder(Encoder):
    def encode_images(self, batch):
        if self.encoded == 1:
            os.kill(os.getpid(), signal.SIGINT)
            while signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
                pass
            os.kill(os.getpid(), signal.SIGINT)
        return super().encode_images(batch)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_second_interrupt_ends_the_program_as_quietly(photos, imgfind):
    outcome = run_child("index", photos, "--batch-size", "1", "--jobs", "1", prelude=INTERRUPTED_TWICE)
    assert (outcome.code, outcome.out, outcome.err) == (130, b"", "")
    assert imgfind("index").text.startswith("3 photos in the library: ")


# search and similar


def test_search_lists_the_best_first(indexed, imgfind):
    outcome = imgfind("search", "green")
    header, *rows = outcome.text.splitlines()
    assert (outcome.code, outcome.err) == (0, "")
    assert header.split() == ["score", "photo"]
    assert [row.split()[0] for row in rows] == ["1", "2", "3"]
    assert rows[0].endswith(str(indexed / "green.jpg"))
    assert float(rows[0].split()[1]) > 0.9 > float(rows[1].split()[1])


def test_search_as_json_has_what_a_program_needs(indexed, imgfind):
    document = imgfind("search", "--json", "green", "+", "green", "-k", "2").json
    assert set(document) == {"query", "model", "hits"}
    assert (document["query"], document["model"], len(document["hits"])) == ("green + green", "starter", 2)
    best, other = document["hits"]
    assert best["path"] == str(indexed / "green.jpg")
    assert best["uri"] == (indexed / "green.jpg").as_uri()
    assert 1 >= best["score"] > 0.9 > other["score"] >= -1
    assert (best["width_px"], best["height_px"], best["offline"]) == (64, 48, False)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", best["taken_at"])


def test_search_takes_pictures_in_the_query(indexed, imgfind):
    document = imgfind("search", "--json", f"image:{indexed / 'blue.jpg'}").json
    assert document["hits"][0]["path"] == str(indexed / "blue.jpg")


def test_search_below_a_folder(indexed, imgfind):
    paint(indexed / "sub" / "red.jpg", (255, 0, 0))
    imgfind("index")
    hits = imgfind("search", "--json", "green", "--in", indexed / "sub").json["hits"]
    assert [hit["path"] for hit in hits] == [str(indexed / "sub" / "red.jpg")]


def test_a_folder_without_photos_is_told_from_an_empty_library(indexed, imgfind, tmp_path):
    outcome = imgfind("search", "red", "--in", tmp_path / "home")
    assert outcome.code == 1
    (tmp_path / "home").mkdir()
    outcome = imgfind("search", "red", "--in", tmp_path / "home")
    assert (outcome.code, outcome.out) == (0, b"")
    assert outcome.err == f"No photo found below {tmp_path / 'home'}; see: imgfind roots\n"
    assert imgfind("search", "--json", "red", "--in", tmp_path / "home").json["hits"] == []


def test_filters_alone_list_the_newest_with_their_dates(indexed, imgfind):
    for moment in ("20210506_070809", "20210507_080910"):
        paint(indexed / f"IMG_{moment}.jpg")
    imgfind("index")
    outcome = imgfind("search", "date:2021 -size:>1GB")
    header, *rows = outcome.text.splitlines()
    assert (outcome.code, outcome.err, header.split()) == (0, "", ["taken", "photo"])
    assert [row.split()[:3] for row in rows] == [["1", "2021-05-07", "08:09"], ["2", "2021-05-06", "07:08"]]
    assert rows[0].endswith(str(indexed / "IMG_20210507_080910.jpg"))
    hits = imgfind("search", "--json", "date:2021").json["hits"]
    assert [(hit["score"], hit["taken_at"]) for hit in hits] == [
        (None, "2021-05-07T08:09:10"),
        (None, "2021-05-06T07:08:09"),
    ]


def test_filters_that_leave_nothing_are_told_from_an_empty_library(indexed, imgfind):
    for query in ("date:1850", "green date:1850"):
        outcome = imgfind("search", query)
        assert (outcome.code, outcome.out) == (0, b"")
        assert outcome.err == "No photo passes the filters of the query; see: imgfind search --help\n"


def test_a_filter_that_makes_no_sense_is_shown_with_its_place(indexed, imgfind):
    outcome = imgfind("search", "green date:someday")
    assert outcome.code == 2
    assert "At character 12 of the query: a date is a year, a month or a day" in outcome.err
    assert outcome.err.splitlines()[-1].index("^") - outcome.err.splitlines()[-2].index("green") == 11


def test_similar_leaves_out_the_picture_itself_but_not_its_copies(indexed, imgfind, monkeypatch):
    shutil.copy(indexed / "red.jpg", indexed / "copy.jpg")
    imgfind("index")
    monkeypatch.chdir(indexed)
    document = imgfind("similar", "red.jpg", "--json").json
    assert (document["query"], document["model"]) == (str(indexed / "red.jpg"), "starter")
    found = [os.path.basename(hit["path"]) for hit in document["hits"]]
    assert found[0] == "copy.jpg"
    assert sorted(found) == ["blue.jpg", "copy.jpg", "green.jpg"]


def test_copies_are_one_hit_that_says_how_many_there_are(indexed, imgfind):
    for name in ("copy.jpg", "again.jpg"):
        shutil.copy(indexed / "red.jpg", indexed / name)
    imgfind("index")
    best = imgfind("search", "red").text.splitlines()[1]
    assert best.endswith(f"{indexed / 'again.jpg'}  +2 copies")
    hits = imgfind("search", "red", "--json").json["hits"]
    assert [copy["path"] for copy in hits[0]["copies"]] == [str(indexed / "copy.jpg"), str(indexed / "red.jpg")]
    assert [hit["copies"] for hit in hits[1:]] == [[], []]
    every = imgfind("search", "red", "--copies", "--json").json["hits"]
    assert [os.path.basename(hit["path"]) for hit in every[:3]] == ["again.jpg", "copy.jpg", "red.jpg"]
    assert all(hit["copies"] == [] for hit in every)
    similar = imgfind("similar", indexed / "red.jpg").text.splitlines()[1]
    assert similar.endswith(f"{indexed / 'again.jpg'}  +1 copy")
    assert "+1 copy" not in imgfind("similar", indexed / "red.jpg", "--copies").text


def test_similar_reads_a_picture_from_stdin(indexed, tmp_path):
    query = paint(tmp_path / "query.png", (0, 0, 250))
    outcome = run_child("similar", "-", "--json", "-k", "1", input=query.read_bytes())
    assert outcome.json["query"] == "-"
    assert outcome.json["hits"][0]["path"] == str(indexed / "blue.jpg")


def test_similar_to_the_only_photo_finds_nothing(tmp_path, imgfind):
    only = paint(tmp_path / "p" / "a.jpg")
    imgfind("index", only.parent)
    outcome = imgfind("similar", only)
    assert (outcome.code, outcome.out) == (0, b"")
    assert outcome.err == "No photo found; add folders with: imgfind index FOLDER\n"


def test_the_same_search_gives_the_same_bytes(indexed, imgfind):
    assert imgfind("search", "--json", "something").out == imgfind("search", "--json", "something").out


def test_any_name_is_exact_in_json_and_harmless_in_a_table(oddly_named, imgfind):
    assert imgfind("index", oddly_named).code == 0
    document = imgfind("search", "--json", "red").json
    assert {os.fsencode(hit["path"]) for hit in document["hits"]} == {
        os.path.join(os.fsencode(oddly_named), name) for name in ODD_NAMES
    }
    uris = [hit["uri"].removeprefix(oddly_named.as_uri() + "/") for hit in document["hits"]]
    assert {unquote_to_bytes(uri) for uri in uris} == set(ODD_NAMES)
    assert all(uri.isascii() and uri.isprintable() and not set(uri) & set(' "<>[]') for uri in uris)
    table = imgfind("search", "red").text.splitlines()
    assert len(table) == 1 + len(ODD_NAMES)
    assert all(line.isprintable() for line in table)
    for shown in ("new\\x0aline.jpg", "caf\\xe9.jpg", "\\xff\\xfe.jpg", "日本 é.jpg", "a\\x1b[31m.jpg"):
        assert row_of(oddly_named / shown, "\n".join(table))


def test_the_library_of_one_call_is_named_before_or_behind_the_command(photos, imgfind, tmp_path):
    assert imgfind("--library", tmp_path / "one", "index", photos).code == 0
    assert imgfind("status", "--json", "--library", tmp_path / "one").json["photos"] == 3
    assert imgfind("status").code == 1
    assert (tmp_path / "one" / "catalog.sqlite3").is_file()


def test_the_environment_names_a_library_that_an_option_overrules(indexed, imgfind, tmp_path, monkeypatch):
    monkeypatch.setenv("IMGFIND_LIBRARY", str(tmp_path / "other"))
    assert imgfind("status").code == 1
    imgfind("index", indexed)
    assert imgfind("status", "--json").json["folder"] == str(tmp_path / "other")


# show, problems, status, roots


def test_show_tells_what_is_known_of_a_photo(indexed, imgfind, monkeypatch):
    shutil.copy(indexed / "red.jpg", indexed / "copy1.jpg")
    shutil.copy(indexed / "red.jpg", indexed / "copy2.jpg")
    imgfind("index")
    monkeypatch.chdir(indexed)
    outcome = imgfind("show", "red.jpg")
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.text.splitlines()
    assert lines[0] == f"photo:    {indexed / 'red.jpg'}"
    assert lines[1] == f"root:     {indexed}"
    assert lines[2] == f"size:     64 x 48 px, JPEG, {(indexed / 'red.jpg').stat().st_size} bytes"
    assert lines[-2:] == [f"copies:   {indexed / 'copy1.jpg'}", f"          {indexed / 'copy2.jpg'}"]


def test_show_as_json(indexed, imgfind):
    shutil.copy(indexed / "red.jpg", indexed / "copy.jpg")
    imgfind("index")
    document = imgfind("show", "--json", indexed / "red.jpg").json
    assert document["path"] == str(indexed / "red.jpg")
    assert document["uri"] == (indexed / "red.jpg").as_uri()
    assert len(bytes.fromhex(document["content_hash"])) == 32
    assert document["copies"] == [{"path": str(indexed / "copy.jpg"), "uri": (indexed / "copy.jpg").as_uri()}]
    assert (document["width_px"], document["height_px"], document["format"]) == (64, 48, "JPEG")
    assert document["facts"]["camera"] is None


def test_show_tells_of_facts_a_camera_wrote(test_data, tmp_path, imgfind):
    photo = next((test_data / "photos").rglob("*.jpg"))
    (tmp_path / "p").mkdir()
    shutil.copy(photo, tmp_path / "p" / "a.jpg")
    imgfind("index", tmp_path / "p")
    facts = imgfind("show", "--json", tmp_path / "p" / "a.jpg").json["facts"]
    assert set(facts) == {
        *("taken_at", "camera", "lens", "latitude", "longitude"),
        *("exposure_s", "f_number", "iso", "focal_length_mm"),
    }
    shown = imgfind("show", tmp_path / "p" / "a.jpg").text
    assert ("\ncamera:" in shown) == (facts["camera"] is not None)


def test_show_prints_every_fact_of_a_camera(test_data, tmp_path, imgfind):
    (tmp_path / "p").mkdir()
    shutil.copy(test_data / "photos" / "camera" / "Apple iPhone 4.jpg", tmp_path / "p" / "a.jpg")
    imgfind("index", tmp_path / "p")
    lines = imgfind("show", tmp_path / "p" / "a.jpg").text.splitlines()
    assert "taken:    2011-01-13T14:33:39 (from the camera)" in lines
    assert "camera:   Apple iPhone 4" in lines
    assert "exposure: 1/15 s, f/2.8, ISO 500, 3.85 mm" in lines
    assert "position: 41.853000, 12.488833" in lines
    document = imgfind("show", "--json", tmp_path / "p" / "a.jpg").json
    assert (document["taken_at"], document["taken_at_source"]) == ("2011-01-13T14:33:39", "exif")
    assert (document["facts"]["iso"], document["facts"]["f_number"]) == (500, 2.8)


def test_problems_are_listed_with_their_reasons(photos, imgfind):
    (photos / "empty.jpg").touch()
    (photos / "text.jpg").write_text("no picture")
    imgfind("index", photos)
    table = imgfind("problems")
    assert table.code == 0
    assert table.text.splitlines() == [
        f"{photos / 'empty.jpg'}: the file is empty",
        f"{photos / 'text.jpg'}: not a picture imgfind can read, or a damaged one",
    ]
    document = imgfind("problems", "--json").json
    assert [problem["path"] for problem in document["problems"]] == [str(photos / n) for n in ("empty.jpg", "text.jpg")]
    assert document["problems"][0]["reason"] == "the file is empty"
    assert document["problems"][0]["uri"] == (photos / "empty.jpg").as_uri()
    assert imgfind("status", "--json").json["problems"] == 2


def test_problems_with_any_name_are_valid_json(oddly_named, imgfind):
    for name in ODD_NAMES[:-1]:
        (oddly_named / os.fsdecode(name)).write_text("no picture")
    imgfind("index", oddly_named)
    document = imgfind("problems", "--json").json
    assert {os.path.basename(os.fsencode(p["path"])) for p in document["problems"]} == set(ODD_NAMES[:-1])
    assert len(imgfind("problems").text.splitlines()) == len(ODD_NAMES) - 1


def test_a_problem_goes_when_the_file_is_mended(photos, imgfind):
    (photos / "bad.jpg").touch()
    imgfind("index", photos)
    age(paint(photos / "bad.jpg"), 10)
    imgfind("index")
    outcome = imgfind("problems")
    assert (outcome.code, outcome.out, outcome.err) == (0, b"", "Every file could be read.\n")
    assert imgfind("problems", "--json").json == {"problems": []}


def test_status_counts(indexed, imgfind):
    shutil.copy(indexed / "red.jpg", indexed / "copy.jpg")
    imgfind("index")
    document = imgfind("status", "--json").json
    expected = {"photos": 4, "offline": 0, "contents": 3, "problems": 0, "roots": 1, "model": "starter", "vectors": 3}
    assert expected.items() <= document.items()
    assert document["device"] == "cpu"
    assert document["size_bytes"] > 0
    lines = dict(line.split(":", 1) for line in imgfind("status").text.splitlines())
    told = {name: lines[name].strip() for name in ("photos", "contents", "problems", "model", "device")}
    assert told == {"photos": "4", "contents": "3 distinct", "problems": "0", "model": "starter", "device": "cpu"}


def test_roots_are_listed(indexed, imgfind, tmp_path):
    second = paint(tmp_path / "second" / "a.jpg").parent
    imgfind("index", second)
    assert row_of(indexed, imgfind("roots").text) == ["3", "0", "online"]
    roots = imgfind("roots", "--json").json["roots"]
    assert [(root["path"], root["uri"], root["photos"]) for root in roots] == [
        (str(indexed), indexed.as_uri(), 3),
        (str(second), second.as_uri(), 1),
    ]


@pytest.mark.parametrize(
    "command", [("search", "red"), ("similar", "x.jpg"), ("show", "x.jpg"), ("problems",), ("status",), ("roots",)]
)
def test_reading_makes_no_library(imgfind, own_home, command):
    outcome = imgfind(*command)
    assert (outcome.code, outcome.out) == (1, b"")
    assert outcome.err.startswith("imgfind: There is no imgfind library in ")
    assert outcome.err.endswith("; make one with: imgfind index FOLDER\n")
    assert list(own_home.rglob("*")) == []
