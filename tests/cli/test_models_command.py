"""``imgfind models``: the table, fetching, choosing and removing, and what each says."""

import json

import pytest

from imgfind.cli.progress import Bar
from imgfind.core import Progress, config
from tests.hub import Hub, model_files, pin
from tests.pictures import paint

STANDARD = "ViT-B-32-256/datacomp_s34b_b86k"
STANDARD_HUB = "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K"


@pytest.fixture
def hub(monkeypatch):
    pin(monkeypatch, revision=None, sha256=None)
    with Hub({STANDARD_HUB: model_files()}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


@pytest.fixture
def library(tmp_path, monkeypatch, imgfind):
    """Return the folder of three photos that are indexed with the starter in the default library."""
    monkeypatch.setenv("IMGFIND_LIBRARY", str(tmp_path / "library"))
    for name in ("red", "other", "third"):
        paint(tmp_path / "photos" / f"{name}.jpg")
    assert imgfind("index", tmp_path / "photos").code == 0
    return tmp_path / "photos"


def listed(imgfind, *arguments):
    return {model["name"]: model for model in imgfind("models", *arguments, "--json").json["models"]}


def test_models_are_listed_whether_or_not_they_are_here(imgfind):
    outcome = imgfind("models")
    assert outcome.code == 0
    assert outcome.err == "Fetch one: imgfind models download NAME. Switch to one: imgfind models use NAME\n"
    (row,) = [line for line in outcome.text.splitlines() if STANDARD in line]
    assert (
        row.split() == f"no no standard 605 MB MIT fast {STANDARD} good; ImageNet zero-shot 72.8 % (published)".split()
    )
    models = listed(imgfind)
    assert models["starter"]["on_disk"] is True
    assert all(model["in_use"] == "" for model in models.values())
    keys = {
        "title",
        "name",
        "size_mb",
        "licence",
        "quality",
        "speed",
        "on_disk",
        "downloaded_bytes",
        "in_use",
        "vectors",
    }
    assert all(set(model) == keys for model in models.values())


@pytest.mark.parametrize("arguments", [("models", "--json", "list"), ("models", "list", "--json")])
def test_json_may_stand_before_and_after_the_action(imgfind, arguments):
    assert imgfind(*arguments).json["models"]


@pytest.mark.loopback
def test_a_model_is_fetched_used_and_removed(imgfind, hub, library):
    outcome = imgfind("models", "download", "standard")
    assert outcome.code == 0
    assert outcome.text == f"{STANDARD} is on this disk (1.0 MB).\n"
    assert outcome.err == "Use it with: imgfind models use standard\n"
    assert listed(imgfind)[STANDARD]["downloaded_bytes"] > 1_000_000

    outcome = imgfind("models", "use", "standard")
    assert outcome.text == (
        f"3 photos wait for {STANDARD}; encode them with: imgfind index. Until then the old model answers.\n"
    )
    models = listed(imgfind)
    assert (models["starter"]["in_use"], models[STANDARD]["in_use"]) == ("yes", "next")
    assert imgfind("status", "--json").json["waiting"] == 3
    assert imgfind("search", "red").code == 0

    assert imgfind("index").code == 0
    models = listed(imgfind)
    assert (models["starter"]["in_use"], models[STANDARD]["in_use"]) == ("no longer", "yes")
    assert (models["starter"]["vectors"], models[STANDARD]["vectors"]) == (3, 3)

    refused = imgfind("models", "remove", "standard")
    assert refused.code == 1
    assert "This library uses the model" in refused.err
    assert imgfind("models", "remove", "starter").text.startswith("Removed 3 vectors (")
    assert listed(imgfind)["starter"]["in_use"] == ""

    assert imgfind("models", "use", "starter").text.startswith("3 photos wait for starter;")
    assert imgfind("index").code == 0
    removed = imgfind("models", "remove", "standard", "--json").json
    assert removed["vectors"] == 3
    assert removed["files_bytes"] > 1_000_000
    assert list(config.models_folder().iterdir()) == []
    assert imgfind("search", "red").code == 0


@pytest.mark.loopback
def test_the_files_can_be_kept(imgfind, hub, library):
    imgfind("models", "download", "standard")
    imgfind("index", "--model", "standard")
    imgfind("models", "use", "starter")

    assert imgfind("models", "remove", "standard", "--keep-files", "--json").json["files_bytes"] == 0
    assert listed(imgfind)[STANDARD]["on_disk"] is True
    again = imgfind("models", "remove", "standard", "--keep-files")
    assert (again.code, again.err) == (
        1,
        "imgfind: Nothing of 'standard' can be removed: this library has no vectors of it.\n",
    )


@pytest.mark.loopback
def test_files_are_removed_where_there_is_no_library(imgfind, hub):
    imgfind("models", "download", "standard")

    assert imgfind("models", "remove", "standard").text.startswith("Removed 0 vectors (0 bytes of the library) and 1.")


def test_a_model_that_has_all_its_vectors_is_used_at_once(imgfind, library):
    assert imgfind("models", "use", "starter").text == "This library is searched with starter.\n"


def test_the_starters_files_are_not_to_be_removed(imgfind):
    assert imgfind("models", "remove", "starter").err == (
        "imgfind: Nothing of 'starter' can be removed: this library has no vectors of it, and imgfind downloaded no"
        " files of it.\n"
    )


def test_a_library_is_needed_to_choose_a_model(imgfind):
    assert "There is no imgfind library" in imgfind("models", "use", "starter").err


@pytest.mark.loopback
def test_progress_as_json_counts_bytes_and_ends_with_the_model(imgfind, hub):
    lines = [
        json.loads(line)
        for line in imgfind("models", "download", "standard", "--progress", "json").err.splitlines()[:-1]
    ]
    last = lines.pop()
    assert (last["stage"], last["name"]) == ("done", STANDARD)
    assert lines[0]["stage"] == "connecting"
    assert [line["done"] for line in lines if line["stage"] == "downloading"][-1] > 1_000_000


def test_the_bar_of_a_download_counts_bytes(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with Bar(in_bytes=True) as bar:
        bar.show(Progress("downloading", 1_500_000, 3_000_000))
        bar.show(Progress("checking", 3_000_000, 3_000_000))
    written = capsys.readouterr().err
    assert "downloading" in written
    assert "/3.00M [" in written
    assert "B/s" in written


@pytest.mark.loopback
def test_a_download_that_is_not_finished_is_listed_as_partly_there(imgfind, hub):
    hub.status["open_clip_model.safetensors"] = 503
    assert imgfind("models", "download", "standard").code == 1
    (row,) = [line for line in imgfind("models").text.splitlines() if STANDARD in line]
    assert row.split()[0] == "partly"


@pytest.mark.loopback
def test_trouble_is_one_line_and_exit_code_1(imgfind, hub):
    hub.status["api"] = 500
    outcome = imgfind("models", "download", "standard")
    assert (outcome.code, outcome.text, outcome.err.count("\n")) == (1, "", 1)


def test_models_are_listed_beside_a_library_that_cannot_be_read(imgfind, library, tmp_path):
    (tmp_path / "library" / "catalog.sqlite3").write_bytes(b"damaged" * 1000)
    outcome = imgfind("models")
    assert outcome.code == 0
    assert "is damaged" in outcome.err
    assert STANDARD in outcome.text
