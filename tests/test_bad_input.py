"""Bad input and a bad machine: one sentence that says what to do, the right exit code, and an untouched library."""

import os
import shutil
import sqlite3
import struct
import tempfile
import zlib
from pathlib import Path

import pytest

from imgfind.cli import commands
from imgfind.core import Library, config
from imgfind.core.store.schema import SCHEMA_VERSION
from tests.command_line import AS_NOBODY, child_environment, run_child
from tests.pictures import paint

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions and limits")

STDIN_IS_NO_PICTURE = (
    "The picture on standard input cannot be used as a query: the file is empty; choose another picture."
)


@pytest.fixture
def library(tmp_path, imgfind, monkeypatch):
    """Return the folder of a library with two photos; the current folder is the one above."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMGFIND_LIBRARY", str(tmp_path / "library"))
    paint(tmp_path / "photos" / "red.jpg")
    paint(tmp_path / "photos" / "blue.jpg", (0, 0, 255))
    assert imgfind("index", "photos").code == 0
    return tmp_path / "library"


def state(folder):
    """Return every file below ``folder`` with its bytes, but for what SQLite keeps beside a database in use."""
    files = (file for file in Path(folder).rglob("*") if file.is_file() and not file.name.endswith(("-wal", "-shm")))
    return {str(file): file.read_bytes() for file in files}


def sentence(outcome, code=1, *, more_lines=0):
    """Return the one sentence a failed command said, having made sure that it is that."""
    assert (outcome.code, outcome.out) == (code, b"")
    assert "Traceback" not in outcome.err
    first, *others = outcome.err.splitlines()
    assert len(others) == more_lines
    return first.removeprefix("imgfind: ")


REFUSED = [
    # Folders to index
    ("index nowhere", 1, "The folder 'nowhere' does not exist; check the spelling or connect the drive."),
    ("index photos/red.jpg", 1, "photos/red.jpg is a file; name the folder that holds it."),
    ("index photos/red.jpg/x", 1, "photos/red.jpg/x is not a folder; check the spelling."),
    ("index /dev/null", 1, "/dev/null is not a folder; check the spelling."),
    ("index empty", 1, "There is no picture in {tmp}/empty; name a folder that holds some, or check --exclude."),
    ("index texts", 1, "There is no picture in {tmp}/texts; name a folder that holds some, or check --exclude."),
    ("index photos nowhere", 1, "The folder 'nowhere' does not exist; check the spelling or connect the drive."),
    ("index a\0b", 1, "a\\x00b cannot be listed (embedded null byte); check the path and the drive."),
    # Models and devices
    ("index --model nosuch", 1, "There is no model 'nosuch'. On this disk: starter."),
    ("index --model standart", 1, "There is no model 'standart'. Did you mean standard or starter? On this disk: "),
    (
        "index --model standard",
        1,
        "The model ViT-B-32-256/datacomp_s34b_b86k is not on this disk; get it with: imgfind models ",
    ),
    ("index --model hf-hub:a/b", 1, "The model hf-hub:a/b is not on this disk; get it with: imgfind models download "),
    ("index --model photos", 1, "photos is not an open_clip model folder: it has no open_clip_config.json."),
    ("index --model a\0b", 1, "There is no model 'a\\x00b'. On this disk: starter."),
    # Pictures as queries
    ("similar nothing.jpg", 1, "'nothing.jpg' cannot be used as a query: there is no such file; choose another "),
    ("similar photos", 1, "'photos' cannot be used as a query: it is no file; choose another picture."),
    ("similar /dev/null", 1, "'/dev/null' cannot be used as a query: it is no file; choose another picture."),
    ("similar texts/note.txt", 1, "'texts/note.txt' cannot be used as a query: "),
    ("similar texts/zero.jpg", 1, "'texts/zero.jpg' cannot be used as a query: the file is empty; choose another "),
    ("similar texts/text.jpg", 1, "'texts/text.jpg' cannot be used as a query: not a picture imgfind can read, "),
    ("similar @", 1, "'' cannot be used as a query: there is no such file; choose another picture."),
    ("similar a\0b", 1, "'a\\x00b' cannot be used as a query: there is no such file; choose another picture."),
    ("search image:nothing.jpg", 1, "'nothing.jpg' cannot be used as a query: there is no such file; choose another "),
    ("search image:a\0b", 1, "'a\\x00b' cannot be used as a query: there is no such file; choose another picture."),
    ("search red --in nowhere", 1, "The folder 'nowhere' does not exist; check the spelling or connect the drive."),
    ("search red --in @", 1, "The folder '' does not exist; check the spelling or connect the drive."),
    ("search red --in photos/red.jpg", 1, "photos/red.jpg is a file; name the folder that holds it."),
    # Queries
    ("search @", 2, "The query is empty; describe what to look for."),
    ("search red -k 0", 2, "imgfind search: argument -k: must be 1 or more; see: imgfind search --help"),
    ("search red -k -1", 2, "imgfind search: argument -k: must be 1 or more; see: imgfind search --help"),
    ("search red -k x", 2, "imgfind search: argument -k: invalid number value: 'x'; see: imgfind search --help"),
    ("search red + red - red - red", 2, "The terms of the query cancel each other out; change a word or a weight."),
    # Photos to show
    ("show nothing.jpg", 1, "'nothing.jpg' is not in the library; index its folder first, or check the spelling."),
    ("show photos", 1, "'photos' is a folder; name one of its photos."),
    ("show @", 1, "'' is not in the library; index its folder first, or check the spelling."),
    ("show a\0b", 1, "'a\\x00b' is not in the library; index its folder first, or check the spelling."),
    # Options and libraries
    ("status --library @", 2, "No library can be named ''; name a folder with --library, or leave it out."),
    ("index photos --library @", 2, "No library can be named ''; name a folder with --library, or leave it out."),
    ("index photos --library a\0b", 2, "No library can be named 'a\\x00b'; name a folder with --library, or leave "),
    ("status --library nowhere", 1, "There is no imgfind library in {tmp}/nowhere; make one with: imgfind index "),
    ("status --library photos", 1, "There is no imgfind library in {tmp}/photos; make one with: imgfind index FOLDER"),
    ("status --library photos/red.jpg", 1, "{tmp}/photos/red.jpg is a file, not a library folder; name a folder with "),
    ("index photos --library photos/red.jpg", 1, "{tmp}/photos/red.jpg is a file, not a library folder; name a "),
    ("index --library fresh", 2, "There is nothing to index yet; name a folder: imgfind index FOLDER"),
    ("find red", 2, "argument COMMAND: invalid choice: 'find' (choose from "),
    ("status --frobnicate", 2, "unrecognized arguments: --frobnicate; see: imgfind --help"),
]


@pytest.mark.parametrize(("command", "code", "said"), REFUSED, ids=[case[0].replace("\0", "NUL") for case in REFUSED])
def test_it_is_refused_in_one_sentence_and_changes_nothing(library, imgfind, tmp_path, command, code, said):
    if "/dev/null" in command and not os.path.exists("/dev/null"):
        pytest.skip("needs /dev/null")
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "note.txt").write_text("no picture")
    if command != "index texts":
        (tmp_path / "texts" / "text.jpg").write_text("no picture")
        (tmp_path / "texts" / "zero.jpg").touch()
    before = state(tmp_path)
    outcome = imgfind(*("" if word == "@" else word for word in command.split(" ")))
    assert sentence(outcome, code).startswith(said.replace("{tmp}", str(tmp_path)))
    assert state(tmp_path) == before


def test_a_query_of_any_length_is_answered_in_three_lines(library, imgfind):
    outcome = imgfind("search", "photo " * 35_000)
    assert sentence(outcome, 2, more_lines=2) == "The query has 210,000 characters; shorten it to 10,000."
    assert max(map(len, outcome.err.splitlines())) <= 80
    assert imgfind("search", "x" * 10_000).code == 0


@pytest.mark.parametrize(
    ("query", "said", "column"),
    [
        ("dog +", "nothing follows the '+'; add a term or leave it out.", 4),
        ("- people", "every term has a minus; say what to look for as well, as in: photo - people.", 0),
        ('red "car', 'the quote is never closed; add a " behind the last word.', 4),
        ("0*dog", "a weight is a number above 0 and at most 100, as in 2*dog or 0.5*dog.", 0),
        ("a near:sea", "the filter 'near:' is not built yet; put it in quotes to search for it as words.", 2),
    ],
)
def test_an_error_of_grammar_shows_where(library, imgfind, query, said, column):
    before = state(library)
    outcome = imgfind("search", query)
    assert sentence(outcome, 2, more_lines=2) == f"At character {column + 1} of the query: {said}"
    assert outcome.err.splitlines()[1:] == [query, " " * column + "^"]
    assert state(library) == before


def test_nothing_on_stdin_is_no_picture(library):
    before = state(library)
    assert sentence(run_child("similar", "-", input=b"")) == STDIN_IS_NO_PICTURE
    assert sentence(run_child("similar", "-", input=b"no picture")) == STDIN_IS_NO_PICTURE.replace(
        "the file is empty", "not a picture imgfind can read, or a damaged one"
    )
    assert state(library) == before


# Files


def huge_png(edge_px):
    """Return the first bytes of a PNG that claims ``edge_px`` squared pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", edge_px, edge_px, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"\0" * 100)
    chunks = b"".join(struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (header, data))
    return b"\x89PNG\r\n\x1a\n" + chunks


def test_files_that_are_no_pictures_are_problems_and_no_error(tmp_path, imgfind):
    folder = tmp_path / "photos"
    good = paint(folder / "good.jpg", size=(640, 480))
    (folder / "zero.jpg").touch()
    (folder / "truncated.jpg").write_bytes(good.read_bytes()[: good.stat().st_size // 20])
    (folder / "huge.png").write_bytes(huge_png(60_000))
    (folder / "text.jpg").write_text("no picture")
    (folder / "noise.webp").write_bytes(bytes(range(256)) * 40)
    shutil.copy(paint(tmp_path / "mislabelled.png"), folder / "mislabelled.jpg")
    outcome = imgfind("index", folder)
    assert outcome.code == 0
    assert outcome.text.startswith("2 photos in the library: 2 encoded, in ")
    assert outcome.err == "5 files could not be read; see: imgfind problems\n"
    problems = imgfind("problems", "--json").json["problems"]
    reasons = {os.path.basename(problem["path"]): problem["reason"] for problem in problems}
    assert set(reasons) == {"zero.jpg", "truncated.jpg", "huge.png", "text.jpg", "noise.webp"}
    assert all(reason and "\n" not in reason for reason in reasons.values())
    assert imgfind("index").text.startswith("2 photos in the library: 7 files unchanged, ")
    assert (
        sentence(imgfind("show", folder / "zero.jpg")) == f"{folder / 'zero.jpg'} could not be read: the file is empty."
    )


def test_every_hostile_file_is_survived(test_data, tmp_path, imgfind):
    hostile = test_data / "hostile"
    if not hostile.is_dir():
        pytest.skip("needs a folder of hostile files")
    outcome = imgfind("index", hostile)
    assert outcome.code == 0
    assert "Traceback" not in outcome.err
    assert imgfind("problems", "--json").json["problems"]


@posix_only
def test_a_folder_that_may_not_be_listed_is_refused():
    # Not tmp_path: its parents are closed to anyone but the user, and root's permissions bind nobody.
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        paint(Path(folder, "locked", "a.jpg"))
        os.chmod(f"{folder}/locked", 0o000)
        environment = child_environment(HOME=folder, IMGFIND_LIBRARY=f"{folder}/library")
        outcome = run_child("index", f"{folder}/locked", env=environment, prelude=AS_NOBODY)
        os.chmod(f"{folder}/locked", 0o700)
        said = f"You may not list {folder}/locked; change its permissions or name another folder."
        assert sentence(outcome) == said
        assert not os.path.exists(f"{folder}/library")


# Libraries


def foreign_database(folder):
    connection = sqlite3.connect(folder / "catalog.sqlite3")
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.commit()
    connection.close()


def newer_schema(folder):
    connection = sqlite3.connect(folder / "catalog.sqlite3")
    connection.execute("PRAGMA user_version = 99")
    connection.close()


def a_text(folder):
    (folder / "catalog.sqlite3").write_text("a text that is long enough " * 50)


@pytest.mark.parametrize("command", [("status",), ("search", "red"), ("index",), ("index", "photos"), ("problems",)])
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (foreign_database, "is a database of another program; name another folder with --library."),
        (a_text, "is damaged or no imgfind library (file is not a database); restore it from a backup, or name "),
        (
            newer_schema,
            f"was written by a newer imgfind (schema 99, this one knows {SCHEMA_VERSION}); update imgfind to open it.",
        ),
    ],
)
def test_what_is_no_library_of_ours_is_left_alone(library, imgfind, command, spoil, said):
    if spoil is not newer_schema:
        shutil.rmtree(library)
        library.mkdir()
    spoil(library)
    before = state(library)
    assert said in sentence(imgfind(*command))
    assert state(library) == before


@posix_only
def test_a_library_that_may_not_be_written_to_can_be_searched_but_not_changed(imgfind):
    with tempfile.TemporaryDirectory() as folder:
        library, photos = f"{folder}/library", Path(folder, "photos")
        paint(photos / "red.jpg")
        paint(photos / "new" / "blue.jpg")
        os.chmod(folder, 0o755)
        assert imgfind("--library", library, "index", photos).code == 0
        for file in Path(library).iterdir():
            file.chmod(0o555 if file.is_dir() else 0o444)
        os.chmod(library, 0o555)
        paint(photos / "green.jpg", (0, 255, 0))
        environment = child_environment(HOME=folder, IMGFIND_LIBRARY=library)
        before = state(library)
        searched = run_child("search", "red", "--json", env=environment, prelude=AS_NOBODY)
        shown = run_child("status", "--json", env=environment, prelude=AS_NOBODY)
        refused = run_child("index", env=environment, prelude=AS_NOBODY)
        assert state(library) == before
        os.chmod(library, 0o700)
    assert searched.err == ""
    assert len(searched.json["hits"]) == 2
    assert shown.err == ""
    assert shown.json["photos"] == 2
    assert sentence(refused).startswith(f"The library folder {library} cannot be written to (")
    assert sentence(refused).endswith("check its permissions and the disk, or name another with --library.")


FULL_DISK = """
import resource
limit = os.path.getsize(os.path.join(os.environ["IMGFIND_LIBRARY"], "catalog.sqlite3")) + 16384
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
"""


@posix_only
def test_a_full_disk_is_told_and_leaves_a_library_that_works(library, imgfind, tmp_path):
    for number in range(300):
        paint(tmp_path / "more" / f"{number}.jpg", (number % 256, 0, 0))
    outcome = run_child("index", "more", "--batch-size", "10", prelude=FULL_DISK)
    assert "full or failing" in sentence(outcome)
    assert "free some space or check the disk, then run the command again." in sentence(outcome)
    kept = imgfind("status", "--json").json
    assert 2 <= kept["photos"] < 302
    assert imgfind("search", "blue", "--json").json["hits"][0]["path"] == str(tmp_path / "photos" / "blue.jpg")
    assert imgfind("index").text.startswith("302 photos in the library: ")
    connection = sqlite3.connect(library / "catalog.sqlite3")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


# Machine


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("device = ", "Cannot read {file} ("),
        ("device = 'gpu'", "{file}: device must be one of auto, cpu, cuda, mps, xpu."),
        ("threads = -1", "{file}: threads must be a whole number, 0 for all cores."),
        ("colour = 'red'", "{file} holds the unknown setting 'colour'; only device and threads can be set."),
        (b"\xff\xfe", "Cannot read {file} ("),
    ],
)
@pytest.mark.parametrize("command", [("status",), ("index", "photos"), ("models",)])
def test_a_broken_configuration_is_named(library, imgfind, text, said, command):
    before, file = state(library), config.config_file()
    file.parent.mkdir(parents=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert sentence(imgfind(*command)).startswith(said.replace("{file}", str(file)))
    assert state(library) == before


def damaged_model(folder):
    """Make a model folder from the starter, with its weights cut short."""
    shutil.copytree(config.resources_folder() / "starter", folder)
    weights = folder / "open_clip_model.safetensors"
    data = weights.read_bytes()
    weights.unlink()
    weights.write_bytes(data[: len(data) // 2])
    return weights


def test_a_damaged_model_is_told_before_anything_is_written(library, imgfind, tmp_path):
    weights = damaged_model(config.models_folder() / "mine")
    paint(tmp_path / "more" / "a.jpg")
    before = state(library)
    said = f"The model file {weights} is damaged; restore it or choose another with --model."
    assert sentence(imgfind("index", "more", "--model", "mine")) == said
    assert sentence(imgfind("--library", tmp_path / "fresh", "index", "more", "--model", "mine")) == said
    assert state(library) == before
    assert not (tmp_path / "fresh").exists()


def test_a_device_that_is_not_there_is_told_before_anything_is_written(library, imgfind, monkeypatch, tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has the device")
    monkeypatch.setattr(commands, "Library", Library)  # with the real encoder, which looks for the device
    paint(tmp_path / "more" / "a.jpg")
    before = state(library)
    said = "There is no device 'cuda' here; choose auto or cpu."
    assert sentence(imgfind("index", "more", "--device", "cuda")) == said
    assert sentence(imgfind("--library", "fresh", "index", "more", "--device", "cuda")) == said
    assert state(library) == before
    assert not (tmp_path / "fresh").exists()
