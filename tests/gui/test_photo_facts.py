"""What is said of a photo, and what is left out."""

import dataclasses

from PySide6.QtWidgets import QApplication

from imgfind.core.pairs import Pair
from imgfind.core.records import Facts
from imgfind.core.store import PhotoDetails
from imgfind.gui.photo_facts import Fact, facts

PHOTO = PhotoDetails(
    path="/photos/IMG_1.heic",
    root="/photos",
    size_bytes=3_200_000,
    mtime_ns=0,
    offline=False,
    content_hash=b"",
    width_px=4032,
    height_px=3024,
    format="HEIF",
    facts=Facts(),
    phash_quality=90,
    copies=(),
    taken_at="2021-05-06T07:08:09+02:00",
    taken_at_source="exif",
)


def fact(photo: PhotoDetails, icon: str, pairs: tuple[Pair, ...] = ()) -> Fact:
    return next(item for item in facts(photo, pairs) if item.icon == icon)


def test_a_photo_without_facts_has_date_and_size_only(qapp: QApplication) -> None:
    said = [(item.text, item.details) for item in facts(PHOTO, ())]

    assert said == [
        ("6 May 2021, 07:08", ("from the camera",)),
        ("4,032 × 3,024, 12.2 MP", ("HEIF, 3.2 MB",)),
    ]


def test_what_the_camera_wrote_is_said_on_lines_of_its_own(qapp: QApplication) -> None:
    written = Facts(camera="Apple iPhone 12", lens="back camera", exposure_s=0.004, f_number=1.8, iso=32)

    said = fact(dataclasses.replace(PHOTO, facts=written), "camera")

    assert (said.text, said.details) == ("Apple iPhone 12", ("back camera", "1/250 s, f/1.8, ISO 32"))


def test_a_place_is_said_for_people_and_copied_for_maps(qapp: QApplication) -> None:
    said = fact(dataclasses.replace(PHOTO, facts=Facts(latitude=-33.8567844, longitude=151.2152967)), "map-pin")

    assert said.text == "33.8568° S, 151.2153° E"
    assert said.copied == "-33.856784, 151.215297"


def test_copies_are_links_and_pairs_are_named(qapp: QApplication) -> None:
    photo = dataclasses.replace(PHOTO, copies=("/photos/b/caf\udce9.heic",))

    assert fact(photo, "layers").links == ("/photos/b/caf\udce9.heic",)
    assert fact(photo, "layers").text == "1 identical copy"
    pair = fact(photo, "images", (Pair("live photo", "/photos/IMG\n1.MOV"),))
    assert pair.details == ("IMG\\x0a1.MOV",)


def test_a_photo_out_of_reach_says_what_to_do(qapp: QApplication) -> None:
    said = facts(dataclasses.replace(PHOTO, offline=True), ())[0]

    assert said.details == ("Connect the drive of /photos to open it.",)


def test_a_photo_without_a_date_says_so(qapp: QApplication) -> None:
    said = fact(dataclasses.replace(PHOTO, taken_at=None, taken_at_source=None), "calendar")

    assert (said.text, said.details) == ("No date", ())
