"""Two weeks of a family's life with imgfind in fast motion; says what happens and what is checked each day.

    make story                      all of it
    .venv/bin/python packaging/story.py --keep FOLDER   and keep everything, to look at it afterwards

Phones, disks that come and go, another model, a process that is killed, a library that is lost: all done with the
command line as people would, on real photographs (scikit-image's, and ``$IMGFIND_TEST_DATA/photos`` where it is there).
Stops with exit code 1 at the first thing that is wrong. Everything lies in a temporary folder; nothing is downloaded.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import samples
from family import Family, WrongError, is_photo
from PIL import Image
from safetensors.numpy import load_file, save_file

from imgfind.cli import printing
from imgfind.core import models

KNOWN = {"an animal": "chelsea.png", "a smiling woman": "astronaut.png"}
"""What the built-in encoder answers among these photos."""
NAMED = "Summer at the sea"
"""The better name of the phone's folder."""
SHORT_PHOTOS = 6
KILLED_AFTER = (4, 12)
"""After how many photos the change of the model is killed, the first and the second time."""


def the_phone(family: Family, *, short: bool) -> None:
    """Add the photos of the phone."""
    sample = samples.load()
    samples.lay_out(sample, family.pictures / "Phone")
    if short:
        for file in sorted(file for file in family.pictures.rglob("*") if file.is_file())[SHORT_PHOTOS:]:
            file.unlink()
    elif (test_data := samples.photos_of_test_data()) is not None:
        for name in ("heic", "orientation"):
            _copy_photos(test_data / name, family.pictures / "Phone" / name)
    family.indexed.append(family.pictures)
    summary = family.index(family.pictures)
    family.equal("photos encoded", summary["encoded"], family.contents())
    family.check_counts()


def looking_for_things(family: Family) -> None:
    """Look for things, by words and by pictures."""
    for words, name in KNOWN.items():
        family.check_search(words, name)
    for path in list(family.photos())[::9]:
        family.check_similar(path, set())


def a_better_name(family: Family) -> None:
    """Give the folder a better name."""
    (family.pictures / "Phone").rename(family.pictures / NAMED)
    summary = family.index()
    family.equal("photos moved", summary["moved"], len(family.photos()))
    family.equal("photos encoded again", summary["encoded"], 0)
    family.check_counts()


def copies(family: Family) -> None:
    """Copy some photos for grandmother."""
    chosen = list(family.photos())[:4]
    copies = [family.pictures / "For grandmother" / f"{number} {path.name}" for number, path in enumerate(chosen, 1)]
    copies[0].parent.mkdir()
    for path, copy in zip(chosen, copies, strict=True):
        shutil.copyfile(path, copy)
    summary = family.index()
    family.equal("copies known without encoding", (summary["reused"], summary["encoded"]), (len(copies), 0))
    family.check_counts()
    family.check_similar(chosen[0], {copies[0]})


def new_photos(family: Family) -> None:
    """Take new photos."""
    before = len(family.photos())
    new = [_detail(path, family.pictures / "New" / f"{path.stem}.jpg") for path in _of_the_phone(family)[-3:]]
    summary = family.index()
    family.equal("photos encoded", summary["encoded"], len(new))
    family.equal("files not opened again", summary["unchanged"], before)
    family.check_counts()
    family.check_similar(new[0], set())


def the_old_disk(family: Family, *, short: bool) -> None:
    """Plug in the old disk and add its photos."""
    disk = family.folder / "media" / "Old disk" / "Photos"
    test_data = samples.photos_of_test_data()
    if not short and test_data is not None:
        _copy_photos(test_data / "camera", disk)
    else:
        for path in _of_the_phone(family):
            _detail(path, disk / f"{path.stem}.jpg", left=0.1)
    family.indexed.append(disk)
    summary = family.index(disk)
    family.equal("photos encoded", summary["encoded"], len([path for path in family.photos() if disk in path.parents]))
    family.check_counts()


def unplugged(family: Family) -> None:
    """Unplug the disk."""
    disk = family.indexed[-1]
    drawer = family.folder / "drawer"
    disk.parent.rename(drawer)
    family.away[disk] = drawer / disk.name
    family.index()
    family.check_counts()
    path = next(path for path in family.photos() if disk in path.parents)
    family.check_similar(path, set())
    family.check("its photos are marked as offline", family.asked("show", path)["offline"])
    family.check_previews()


def plugged_in_elsewhere(family: Family) -> None:
    """Plug the disk in again, where it has another name."""
    disk = family.indexed.pop()
    lies = family.away.pop(disk)
    now = family.folder / "media" / "USB1"
    lies.parent.rename(now)
    family.indexed.append(now / disk.name)
    family.imgfind("roots", "relocate", disk, now / disk.name)
    summary = family.index()
    family.equal("photos encoded again", summary["encoded"], 0)
    family.equal("files unchanged", summary["unchanged"], len(family.photos()))
    family.check_counts()
    family.check_similar(next(path for path in family.photos() if now in path.parents), set())


def another_model(family: Family) -> None:
    """Change the model; the power fails twice meanwhile."""
    model = _other_model(family.folder / "other-model")
    former = family.asked("status")["model"]
    chosen = next(iter(family.photos()))
    answers = family.asked("similar", chosen)["hits"]
    family.imgfind("models", "use", model)
    for after in KILLED_AFTER:
        family.kill_index(after, "--batch-size", "2", "--jobs", "1")
        status = family.asked("status")
        family.equal("the model that answers", status["model"], former)
        family.equal("the model to come", status["target_model"], str(model))
        family.check("its answers are what they were", family.asked("similar", chosen)["hits"] == answers)
        left = family.contents() - _vectors(family, model)
        family.check(f"what was reported is kept: {left} photos are left", left <= family.contents() - after)
    summary = family.index()
    family.equal("photos encoded in the third run", summary["encoded"], left)
    family.equal("the model that answers", family.asked("status")["model"], str(model))
    family.check("its answers are others", family.asked("similar", chosen)["hits"] != answers)
    family.check_ranking("an animal", str(model))


def back_to_the_former_model(family: Family) -> None:
    """Go back: the new model was no better."""
    family.imgfind("models", "use", "starter")
    summary = family.index()
    family.equal("photos encoded again", summary["encoded"], 0)
    family.equal("the model that answers", family.asked("status")["model"], "starter")


def private(family: Family) -> None:
    """Leave the letters out."""
    family.private.add("writing")
    family.index("--exclude", *family.private)
    family.check_counts()


def damaged(family: Family) -> None:
    """Copy a memory card that is going bad."""
    card = family.pictures / "Card"
    whole = next(file for path, file in family.photos().items() if path.suffix == ".png").read_bytes()
    files = {"cut.png": whole[: len(whole) // 50], "empty.jpg": b"", "noise.jpg": bytes(range(256)) * 64}
    card.mkdir()
    for name, data in files.items():
        (card / name).write_bytes(data)
        family.damaged.add(card / name)
    family.index()
    family.check_counts()
    told = {Path(problem["path"]) for problem in family.asked("problems")["problems"]}
    family.equal("files named as problems", len(told & family.damaged), len(files))


def lost_and_restored(family: Family) -> None:
    """Make a backup, lose the library, and bring it back."""
    backup = family.folder / "backup.sqlite3"
    family.imgfind("backup", backup)
    shutil.rmtree(family.library)
    family.imgfind("restore", backup)
    family.check_counts()
    summary = family.index()
    family.equal("photos encoded again", summary["encoded"], 0)
    family.equal("files unchanged", summary["unchanged"], len(family.photos()) + len(family.damaged))


def tidying(family: Family) -> None:
    """Delete some photos, and edit one."""
    photos = list(family.photos())
    photos[0].unlink()
    _detail(photos[1], photos[1])
    summary = family.index()
    family.equal("photos gone and read anew", (summary["gone"], summary["encoded"]), (1, 1))
    family.check_counts()


def the_end(family: Family, *, short: bool) -> None:
    """Look at everything once more."""
    family.imgfind("doctor")
    family.check("the doctor finds nothing", True)
    family.check_counts()
    family.check_previews()
    for path in list(family.photos())[:: 8 if short else 6]:
        data = path.read_bytes()
        family.check_similar(path, {other for other in family.photos() if other != path and other.read_bytes() == data})
    if not short:
        family.check_ranking("people at the sea", "starter")


def days(*, short: bool) -> list[tuple[str, Callable[[Family], None]]]:
    """Return what happens, day by day; ``short`` leaves out most days for which an encoder has to be loaded."""
    every: list[tuple[str, Callable[[Family], None], bool]] = [
        ("Monday: the photos of the phone are added", lambda family: the_phone(family, short=short), True),
        ("Tuesday: looking for things", looking_for_things, False),
        ("Wednesday: the folder gets a better name", a_better_name, True),
        ("Thursday: copies for grandmother", copies, True),
        ("Friday: new photos", new_photos, False),
        ("Saturday: the old disk is added", lambda family: the_old_disk(family, short=short), True),
        ("Sunday: the disk is unplugged", unplugged, True),
        ("Monday: the disk is plugged in again and has another name", plugged_in_elsewhere, True),
        ("Tuesday: another model, and the power fails twice", another_model, False),
        ("Wednesday: back to the former model", back_to_the_former_model, False),
        ("Thursday: letters are left out", private, False),
        ("Friday: a memory card is going bad", damaged, True),
        ("Saturday: the library is lost and restored", lost_and_restored, True),
        ("Sunday: tidying up", tidying, False),
        ("Sunday night: is everything right?", lambda family: the_end(family, short=short), True),
    ]
    return [(title, day) for title, day, quick in every if quick or not short]


def main(arguments: Sequence[str] | None = None) -> None:
    """Tell the story; exit 1 at the first thing that is wrong."""
    parser = argparse.ArgumentParser(description="Two weeks of a family's life with imgfind, in fast motion.")
    parser.add_argument("--short", action="store_true", help="leave out most days that need the encoder")
    parser.add_argument("--keep", metavar="FOLDER", type=Path, help="do it in this new folder, and keep it")
    options = parser.parse_args(arguments)
    printing.prepare_streams()
    if options.keep is not None:
        options.keep.mkdir(parents=True)
        tell(options.keep.resolve(), short=options.short)
    else:
        with tempfile.TemporaryDirectory(prefix="imgfind-story-") as folder:
            tell(Path(folder).resolve(), short=options.short)


def tell(folder: Path, *, short: bool) -> None:
    """Tell the story in an empty folder."""
    family = Family(folder)
    started = time.monotonic()
    for title, day in days(short=short):
        print(f"\n{title}", flush=True)
        try:
            day(family)
        except WrongError as error:
            sys.exit(f"\nstory: wrong on {title.split(':')[0]}: {error}")
    print(f"\nAll is right: {family.checks} checks in {time.monotonic() - started:.0f} s.")


def _copy_photos(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for file in sorted(source.iterdir()):
        if is_photo(file):
            shutil.copyfile(file, target / file.name)


def _of_the_phone(family: Family) -> list[Path]:
    return [path for path in family.photos() if NAMED in path.parts]


def _detail(path: Path, target: Path, *, left: float = 0.2) -> Path:
    """Save half of a photo, from the share ``left`` of its width on, as a photo of its own; return ``target``."""
    with Image.open(path) as image:
        width, height = image.size
        half = image.convert("RGB").crop((int(left * width), 0, int((left + 0.5) * width), height))
    target.parent.mkdir(parents=True, exist_ok=True)
    half.save(target)
    return target


def _vectors(family: Family, model: Path) -> int:
    """Return how many contents have a vector of the model."""
    listed = family.asked("models")["models"]
    return next(int(row["vectors"]) for row in listed if row["name"] == str(model))


def _other_model(folder: Path) -> Path:
    """Write a model folder with the starter's network and slightly other weights (seeded)."""
    starter = models.find_model(models.STARTER)
    shutil.copytree(starter.weights.parent, folder)
    chance = np.random.default_rng(0)
    weights = load_file(starter.weights)
    for name, rows in weights.items():
        if rows.ndim > 1:
            weights[name] = (rows * chance.normal(1, 0.05, rows.shape)).astype(rows.dtype)
    save_file(weights, folder / starter.weights.name)
    return folder


if __name__ == "__main__":
    main()
