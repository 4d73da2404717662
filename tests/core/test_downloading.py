"""Fetching models from a server of our own that speaks the hub's protocol: all that can go wrong, and going on."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from imgfind.core import config, fetching, models
from imgfind.core.downloading import RECEIPT_FILE, download, downloaded_bytes, remove_files
from imgfind.core.errors import ImgfindError
from imgfind.core.job import Cancelled, Job, Progress
from imgfind.core.library import Library
from tests.command_line import child_command, child_environment, run_child
from tests.hub import COMMIT, CONFIG, UNPINNED, WEIGHTS, Hub, miniature_model, model_files, pin
from tests.pictures import paint

pytestmark = pytest.mark.loopback

STANDARD = "ViT-B-32-256/datacomp_s34b_b86k"
STANDARD_HUB = "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    pin(monkeypatch, revision=None, sha256=None)
    with Hub({STANDARD_HUB: model_files()}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


def folder_of(name: str = STANDARD) -> Path:
    return config.models_folder() / name


def partial_of(name: str = STANDARD) -> Path:
    return config.models_folder() / f"{name}.partial"


def arrived_bytes() -> int:
    return sum(part.stat().st_size for part in partial_of().glob(f"{WEIGHTS}.*.incomplete"))


def error_of(name: str = "standard") -> str:
    with pytest.raises(ImgfindError) as raised:
        download(name, Job())
    message = str(raised.value)
    assert "\n" not in message
    return message


def cancelled_when_it_flows() -> tuple[Job, list[Progress]]:
    """Return a job that is cancelled when the first of the weights have arrived, and what it was told."""
    told: list[Progress] = []

    def on_progress(progress: Progress) -> None:
        told.append(progress)
        if progress.stage == "downloading" and progress.done > 100_000:
            job.cancel()

    job = Job(on_progress)
    return job, told


# All goes well


def test_a_preset_arrives_with_exactly_what_it_needs(hub: Hub) -> None:
    model = download("standard", Job())

    assert model == models.find_model(STANDARD)
    assert {file.name for file in folder_of().iterdir()} == {CONFIG, WEIGHTS, RECEIPT_FILE}
    assert model.weights.read_bytes() == hub.repositories[STANDARD_HUB][WEIGHTS]
    assert json.loads((folder_of() / RECEIPT_FILE).read_text())["commit"] == COMMIT
    assert sorted(os.listdir(folder_of().parent)) == ["datacomp_s34b_b86k"], "something is left beside it"


def test_a_downloaded_model_indexes_and_searches(hub: Hub, tmp_path: Path) -> None:
    hub.repositories["org/mini"] = miniature_model(tmp_path)
    download("hf-hub:org/mini", Job())
    photo = paint(tmp_path / "photos" / "red.jpg")

    with Library(tmp_path / "library") as library:
        library.index([str(tmp_path / "photos")])
        assert library.use_model("org/mini").waiting == 1
        assert library.index().encoded == 1
        assert [hit.path for hit in library.search("red")] == [str(photo)]
        assert library.status().model == "org/mini"


def test_the_merges_of_a_model_come_along(hub: Hub) -> None:
    hub.repositories["org/model"] = {**model_files(), "bpe_merges.txt.gz": b"merges"}

    model = download("hf-hub:org/model", Job())

    assert model.merges is not None
    assert model.merges.read_bytes() == b"merges"


def test_progress_counts_bytes_up_to_the_total(hub: Hub) -> None:
    told: list[Progress] = []
    download("standard", Job(told.append))

    files = hub.repositories[STANDARD_HUB]
    total = len(files[CONFIG]) + len(files[WEIGHTS])
    downloading = [progress for progress in told if progress.stage == "downloading"]
    assert {progress.total for progress in downloading} == {total}
    assert downloading[-1].done == total
    assert [progress.done for progress in downloading] == sorted(progress.done for progress in downloading)
    assert told[-1].stage == "checking"


def test_a_model_that_is_here_is_not_fetched_again(hub: Hub) -> None:
    first = download("standard", Job())
    hub.requests.clear()

    assert download("standard", Job()) == first
    assert hub.requests == []


def test_the_hub_is_not_told_who_asks(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")

    download("standard", Job())

    assert set(hub.authorisations) == {None}


def test_a_pinned_revision_is_the_one_that_is_fetched(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    pin(monkeypatch, revision=COMMIT)
    download("standard", Job())
    assert f"/api/models/{STANDARD_HUB}/revision/{COMMIT}" in hub.requests


# Going on


def test_a_broken_connection_is_taken_up_where_it_broke(hub: Hub) -> None:
    hub.cut_after = 600_000

    download("standard", Job())

    assert len(hub.ranges) == 2
    assert_resumed(hub)


def assert_resumed(hub: Hub) -> None:
    """Check that the last request for the weights asked for the rest only, and that they are right."""
    assert hub.ranges[0] is None
    start = int(str(hub.ranges[-1]).removeprefix("bytes=").removesuffix("-"))
    assert 100_000 < start <= 600_000
    assert (folder_of() / WEIGHTS).read_bytes() == hub.repositories[STANDARD_HUB][WEIGHTS]


def test_a_cancelled_download_goes_on_where_it_was(hub: Hub) -> None:
    hub.stall_after = 600_000
    job, _told = cancelled_when_it_flows()
    with pytest.raises(Cancelled):
        download("standard", job)

    assert hub.client_gone.wait(30), "the child goes on"
    assert 100_000 < arrived_bytes() <= 600_000
    assert downloaded_bytes("standard") >= arrived_bytes()
    assert not folder_of().exists()
    assert [model.name for model in models.available_models()] == ["starter"]

    hub.stall_after = None
    download("standard", Job())
    assert_resumed(hub)


def test_nothing_goes_on_when_the_program_is_killed_and_the_next_one_takes_it_up(hub: Hub) -> None:
    hub.stall_after = 600_000
    with subprocess.Popen(
        child_command("models", "download", "standard", "--progress", "json", prelude=UNPINNED),
        env=child_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stderr is not None
        assert any(json.loads(line)["done"] > 100_000 for line in program.stderr)
        program.send_signal(signal.SIGKILL)

    assert hub.client_gone.wait(30), "the child outlived its parent"
    hub.stall_after = None
    download("standard", Job())
    assert_resumed(hub)


def test_a_server_that_knows_no_ranges_sends_all_of_it_again(hub: Hub) -> None:
    hub.cut_after, hub.ignores_ranges = 600_000, True

    assert download("standard", Job()).weights.read_bytes() == hub.repositories[STANDARD_HUB][WEIGHTS]


def test_what_is_left_of_another_revision_is_not_taken_up(hub: Hub) -> None:
    hub.stall_after = 600_000
    with pytest.raises(Cancelled):
        download("standard", cancelled_when_it_flows()[0])
    hub.stall_after = None
    hub.repositories[STANDARD_HUB] = model_files(tensor_bytes=500_000)

    assert download("standard", Job()).weights.stat().st_size < 600_000
    assert hub.ranges == [None, None]


def test_a_download_that_was_killed_before_its_last_step_only_takes_that(hub: Hub) -> None:
    download("standard", Job())
    folder_of().rename(partial_of())
    hub.ranges.clear()

    download("standard", Job())

    assert hub.ranges == []
    assert (folder_of() / WEIGHTS).is_file()


# What goes wrong


def test_offline_means_that_nobody_is_asked(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMGFIND_OFFLINE", "1")
    assert error_of() == "IMGFIND_OFFLINE is set, so nothing is fetched; unset it to download models."
    assert hub.requests == []


def test_the_hubs_own_switch_is_obeyed(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE is set" in error_of()
    assert hub.requests == []


def test_a_missing_network_is_said_plainly_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with Hub({}) as closed:
        pass
    monkeypatch.setenv("HF_ENDPOINT", closed.url)

    assert "cannot be reached" in error_of()
    assert list(config.models_folder().iterdir()) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [("hf-hub:org/nothing", "no public repository org/nothing"), ("hf-hub:org/empty", "holds no model")],
)
def test_a_repository_that_is_not_there_or_holds_no_model_is_named(hub: Hub, name: str, message: str) -> None:
    hub.repositories["org/empty"] = {"README.md": b"nothing"}
    assert message in error_of(name)


def test_a_revision_that_is_gone_is_named(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    pin(monkeypatch, revision="f" * 40)
    assert f"in revision {'f' * 40}" in error_of()


def test_a_hub_in_trouble_is_asked_again_later(hub: Hub) -> None:
    hub.status["api"] = 500
    assert "answered with an error (status 500)" in error_of()
    hub.status = {WEIGHTS: 503}
    assert "answered with an error (status 503)" in error_of()
    hub.status = {}
    download("standard", Job())


def test_a_file_that_is_not_there_after_all_is_named(hub: Hub) -> None:
    hub.status[WEIGHTS] = 404
    assert "a file that it lists is not there" in error_of()


@pytest.mark.parametrize("file", [WEIGHTS, CONFIG])
def test_a_wrong_checksum_deletes_the_file(hub: Hub, file: str) -> None:
    original = hub.repositories[STANDARD_HUB][file]
    hub.served[file] = original[:-2] + (b"}\n" if file == CONFIG else b"xx")
    if file == CONFIG:
        hub.served[file] = original.replace(b'"context_length": 16', b'"context_length": 17')

    assert f"{file} arrived damaged" in error_of()
    assert not folder_of().exists()
    assert not list(partial_of().glob(f"{file}*"))
    hub.served = {}
    download("standard", Job())


def test_other_weights_than_the_pinned_ones_are_not_fetched(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    pin(monkeypatch, sha256="0" * 64)
    assert "offers other weights" in error_of()
    assert hub.ranges == []


def test_a_model_imgfind_cannot_run_is_refused_before_its_weights_are_fetched(hub: Hub) -> None:
    hub.repositories["org/multilingual"] = model_files(hf_tokenizer_name="some/tokenizer")
    assert "needs a tokenizer imgfind cannot run" in error_of("hf-hub:org/multilingual")
    assert hub.ranges == []


def test_a_disk_without_room_is_known_before_the_weights_are_fetched(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = SimpleNamespace(total=10**9, used=10**9 - 500_000, free=500_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    assert "needs 1 MB and the disk of" in error_of()
    assert hub.ranges == []


@pytest.mark.skipif(os.name == "nt", reason="no RLIMIT_FSIZE")
def test_a_disk_that_fills_up_midway_is_said_plainly_and_the_download_goes_on_with_more_room(hub: Hub) -> None:
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, resource.RLIM_INFINITY))"

    outcome = run_child("models", "download", "standard", prelude=UNPINNED + limited)

    assert outcome.code == 1
    assert "full or failing (File too large)" in outcome.err
    download("standard", Job())
    assert_resumed(hub)


def test_a_folder_that_cannot_be_written_to_is_named(hub: Hub) -> None:
    config.models_folder().parent.mkdir(parents=True)
    config.models_folder().write_text("a file")
    assert f"{config.models_folder()} cannot be written to" in error_of()


def test_what_the_user_put_there_is_not_replaced(hub: Hub) -> None:
    folder_of().mkdir(parents=True)
    (folder_of() / CONFIG).write_text("{}")
    assert "did not download; move them away" in error_of()
    assert hub.requests == []


def test_a_damaged_download_is_replaced(hub: Hub) -> None:
    download("standard", Job()).weights.write_bytes(b"damaged")

    assert download("standard", Job()).weights.read_bytes() == hub.repositories[STANDARD_HUB][WEIGHTS]


def test_two_downloads_of_one_model_do_not_meet(hub: Hub) -> None:
    messages: list[str] = []

    def on_progress(progress: Progress) -> None:
        if not messages:
            messages.append(error_of())

    download("standard", Job(on_progress))
    assert messages == ["Another process is downloading this model; wait until it is done, or stop it."]


@pytest.mark.parametrize(
    ("child", "message"),
    [
        ("raise RuntimeError('of a kind nobody foresaw')", "(RuntimeError: of a kind nobody foresaw)"),
        ("print('no message', flush=True); import sys; sys.stdin.read()", "(killed)"),
    ],
)
def test_a_child_that_breaks_down_is_no_hang(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, child: str, message: str
) -> None:
    (tmp_path / "child.py").write_text(child)
    monkeypatch.setattr(fetching, "__file__", str(tmp_path / "child.py"))

    assert f"ended unexpectedly {message}" in error_of()


# Taking it away


def test_removing_gives_the_space_back_and_leaves_nothing(hub: Hub) -> None:
    download("standard", Job())
    size_bytes = downloaded_bytes("standard")

    assert remove_files("standard") == size_bytes > 1_000_000
    assert list(config.models_folder().iterdir()) == []
    assert remove_files("standard") == 0


def test_removing_an_unfinished_download_gives_its_space_back(hub: Hub) -> None:
    hub.stall_after = 600_000
    with pytest.raises(Cancelled):
        download("standard", cancelled_when_it_flows()[0])

    assert remove_files("standard") > 100_000
    assert list(config.models_folder().iterdir()) == []


def test_only_what_was_downloaded_is_removed(hub: Hub, tmp_path: Path) -> None:
    download("standard", Job())
    (folder_of() / "notes.txt").write_text("mine")
    own = folder_of("own")
    own.mkdir()
    (own / CONFIG).write_text("{}")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / RECEIPT_FILE).write_text(json.dumps({"files": {CONFIG: ""}}))
    (elsewhere / CONFIG).write_text("{}")

    for name in ("standard", "own", str(elsewhere), "../../elsewhere", "starter", ""):
        remove_files(name)

    assert os.listdir(folder_of()) == ["notes.txt"]
    assert os.listdir(own) == [CONFIG]
    assert sorted(os.listdir(elsewhere)) == sorted([RECEIPT_FILE, CONFIG])


@pytest.mark.parametrize("name", ["../../secret", "/secret", "sub/secret"])
def test_a_receipt_that_names_files_elsewhere_is_not_believed(name: str) -> None:
    folder_of().mkdir(parents=True)
    for secret in (config.models_folder() / "secret", folder_of() / "sub" / "secret"):
        secret.parent.mkdir(exist_ok=True)
        secret.write_text("keep")
    (folder_of() / RECEIPT_FILE).write_text(json.dumps({"files": {name: ""}}))

    remove_files("standard")

    assert (config.models_folder() / "secret").read_text() == "keep"
    assert (folder_of() / "sub" / "secret").read_text() == "keep"
