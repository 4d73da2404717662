"""The story that `make story` tells, its days without much encoding, and that it stops where something is wrong."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

PACKAGING = Path(__file__).parent.parent / "packaging"


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the story, which imports its neighbours by their bare names as scripts do."""
    monkeypatch.syspath_prepend(PACKAGING)
    import story

    return story


def test_the_short_story_ends_well() -> None:
    done = subprocess.run(
        [sys.executable, PACKAGING / "story.py", "--short"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout[-2000:]
    assert "✗" not in done.stdout
    assert done.stdout.splitlines()[-1].startswith("All is right: ")


def test_the_story_stops_with_exit_code_1_at_the_first_thing_that_is_wrong(
    story: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrong(family: object) -> None:
        family.equal("photos in the library", 1, 2)

    monkeypatch.setattr(story, "days", lambda *, short: [("Monday: a day", wrong), ("Tuesday: never", pytest.fail)])

    with pytest.raises(SystemExit) as end:
        story.main(["--keep", str(tmp_path / "kept")])

    assert end.value.code == "\nstory: wrong on Monday: photos in the library: 1"
    assert "✗ photos in the library: 1 (expected 2)" in capsys.readouterr().out
    assert (tmp_path / "kept" / "home" / "Pictures").is_dir()


def test_a_command_that_fails_is_wrong(story: ModuleType, tmp_path: Path) -> None:
    family = story.Family(tmp_path)
    with pytest.raises(story.WrongError, match="exit code 1: imgfind: There is no imgfind library in "):
        family.imgfind("status")
