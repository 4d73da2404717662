"""Brings what the grid shows of photos: their cards and their previews as pixmaps of the wanted size.

Asked and answering on the GUI thread; reading and decoding happen in the PICTURES lane. Only the newest wish counts:
what is no longer wanted is not begun. Keeps the last cards and pixmaps, and nothing on disk.
"""

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QBuffer, QByteArray, QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QImage, QImageReader, QPixmap

from imgfind.core import ImgfindError, Library
from imgfind.core.reading import made_preview
from imgfind.core.records import Card, PhotoId
from imgfind.core.thumbs import Previews
from imgfind.gui.grid_layout import thumb_height_px
from imgfind.gui.tasks import Lane, TaskRunner

PIXMAP_BYTES = 128 * 2**20
"""How much the pixmaps may take together."""
_CARDS = 20_000
_BATCH = 8
"""Photos of one task: about 10 ms, so that a new wish is heard soon."""
_TASKS = 2
_PAUSE_MS = 30
"""Between two announcements: a repaint for every single photo would be too many."""


@dataclass(frozen=True, slots=True)
class _Picture:
    """A pixmap, null where the photo has no preview, and the edge in device pixels that it was made for."""

    pixmap: QPixmap
    edge_px: int

    @property
    def size_bytes(self) -> int:
        return self.pixmap.width() * self.pixmap.height() * 4


_Answer = tuple[Card, QImage | None]
"""A card and its picture, null where there is none; None where the picture is at hand."""


class ThumbLoader(QObject):
    """Cards and pixmaps by photo.

    Signals:
        loaded(list): the ids of photos for which something has come, at most every 30 ms.
    """

    loaded = Signal(list)

    def __init__(self, runner: TaskRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._edge_px = 192
        self._scale = 1.0
        self._cards: OrderedDict[PhotoId, Card] = OrderedDict()
        self._stale: set[PhotoId] = set()
        self._pictures: OrderedDict[bytes, _Picture] = OrderedDict()
        self._pictures_bytes = 0
        self._wish: Sequence[PhotoId] = ()
        self._wanted: list[PhotoId] = []
        """What of the wish has not been begun; the last is next."""
        self._under_way: set[PhotoId] = set()
        self._tasks = 0
        self._news: dict[PhotoId, None] = {}
        self._timer = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._timer.timeout.connect(self._announce)

    def set_edge(self, edge_px: int, scale: float) -> None:
        """Make pixmaps to fit cells ``edge_px`` logical pixels wide, ``scale`` device pixels each, from now on."""
        self._edge_px, self._scale = edge_px, scale

    def card(self, photo_id: PhotoId) -> Card | None:
        """Return what is known of a photo, or None as long as nothing is."""
        return self._cards.get(photo_id)

    def pixmap(self, photo_id: PhotoId) -> QPixmap | None:
        """Return the picture of a photo, perhaps of another size than is wanted now; None as long as there is none.

        A null pixmap says that the photo has no preview.
        """
        card = self._cards.get(photo_id)
        picture = self._pictures.get(card.content_hash) if card is not None else None
        return picture.pixmap if picture is not None else None

    def want(self, photo_ids: Sequence[PhotoId]) -> None:
        """Load these, the first ones first, and nothing that was wanted before and not begun."""
        self._wish = photo_ids
        self._wanted = [photo_id for photo_id in reversed(photo_ids) if self._lacks(photo_id)]
        for photo_id in reversed(photo_ids):
            self._refresh_use(photo_id)
        self._begin()

    def forget(self, photo_ids: Iterable[PhotoId] | None = None) -> None:
        """Read the cards of these photos (all of them) again; until then they show as they are.

        All of them: what had no preview is tried again as well.
        """
        if photo_ids is None:
            photo_ids = self._cards
            for content_hash in [key for key, picture in self._pictures.items() if picture.pixmap.isNull()]:
                del self._pictures[content_hash]
        self._stale.update(photo_ids)
        self.want(self._wish)

    def with_paths(self, photo_ids: Sequence[PhotoId], done: Callable[[list[str]], None]) -> None:
        """Give ``done`` the paths of these photos: at once where their cards are known, else when they were read."""
        cards = [self._cards.get(photo_id) for photo_id in photo_ids]
        known = [card.path for card in cards if card is not None]
        if len(known) == len(cards):
            done(known)
        else:
            self._runner.run(Lane.READ, lambda library: library.photos.paths(photo_ids), done, owner=self)

    def _lacks(self, photo_id: PhotoId) -> bool:
        if photo_id in self._under_way:
            return False
        card = self._cards.get(photo_id)
        return card is None or photo_id in self._stale or not self._has_picture(card)

    def _has_picture(self, card: Card) -> bool:
        picture = self._pictures.get(card.content_hash)
        return picture is not None and (picture.pixmap.isNull() or picture.edge_px == self._device_edge_px())

    def _device_edge_px(self) -> int:
        return round(self._edge_px * self._scale)

    def _refresh_use(self, photo_id: PhotoId) -> None:
        card = self._cards.get(photo_id)
        if card is not None:
            self._cards.move_to_end(photo_id)
            if card.content_hash in self._pictures:
                self._pictures.move_to_end(card.content_hash)

    def _begin(self) -> None:
        while self._wanted and self._tasks < _TASKS:
            batch = [self._wanted.pop() for _ in range(min(_BATCH, len(self._wanted)))]
            cards = [self._cards.get(photo_id) for photo_id in batch]
            at_hand = {card.content_hash for card in cards if card is not None and self._has_picture(card)}
            self._tasks += 1
            self._under_way.update(batch)
            self._load(batch, at_hand, self._device_edge_px(), self._scale)

    def _load(self, batch: list[PhotoId], at_hand: Collection[bytes], edge_px: int, scale: float) -> None:
        def done(answers: list[_Answer]) -> None:
            self._end(batch)
            self._keep(batch, answers, edge_px, scale)
            self._begin()

        def failed(error: ImgfindError) -> None:
            self._end(batch)
            self._wanted.clear()
            self._runner.failed.emit(error)

        self._runner.run(
            Lane.PICTURES, lambda library: _read(library, batch, at_hand, edge_px), done, failed=failed, owner=self
        )

    def _end(self, batch: list[PhotoId]) -> None:
        self._tasks -= 1
        self._under_way.difference_update(batch)

    def _keep(self, batch: list[PhotoId], answers: list[_Answer], edge_px: int, scale: float) -> None:
        self._stale.difference_update(batch)
        for card, image in answers:
            self._cards[card.photo_id] = card
            if image is not None:
                self._keep_picture(card.content_hash, image, edge_px, scale)
        self._make_room()
        self._news.update(dict.fromkeys(batch))
        if not self._timer.isActive():
            self._timer.start()

    def _keep_picture(self, content_hash: bytes, image: QImage, edge_px: int, scale: float) -> None:
        pixmap = QPixmap.fromImage(image)
        pixmap.setDevicePixelRatio(scale)
        replaced = self._pictures.pop(content_hash, None)
        picture = _Picture(pixmap, edge_px)
        self._pictures[content_hash] = picture
        self._pictures_bytes += picture.size_bytes - (replaced.size_bytes if replaced else 0)

    def _make_room(self) -> None:
        while self._pictures_bytes > PIXMAP_BYTES:
            _, oldest = self._pictures.popitem(last=False)
            self._pictures_bytes -= oldest.size_bytes
        while len(self._cards) > _CARDS:
            photo_id, _ = self._cards.popitem(last=False)
            self._stale.discard(photo_id)

    def _announce(self) -> None:
        news, self._news = list(self._news), {}
        self.loaded.emit(news)


def _read(library: Library, photo_ids: list[PhotoId], at_hand: Collection[bytes], edge_px: int) -> list[_Answer]:
    """Return the cards of photos and the pictures that are not at hand. Runs in a worker."""
    cards = library.photos.cards(photo_ids)
    with contextlib.closing(Previews(library.folder, readonly=True)) as previews:
        return [(card, None if card.content_hash in at_hand else _picture(card, previews, edge_px)) for card in cards]


def _picture(card: Card, previews: Previews, edge_px: int) -> QImage:
    jpeg = previews.get(card.content_hash)
    if jpeg is None and not card.offline:
        jpeg = made_preview(card.path)
    return QImage() if jpeg is None else _decoded(jpeg, card, edge_px).convertToFormat(QImage.Format.Format_RGB32)


def _decoded(jpeg: bytes, card: Card, edge_px: int) -> QImage:
    """Return a preview at the size of its cell, but never beyond the pixels that the photo itself has."""
    # QImage.fromData would keep the GUI thread from running all the while, and takes twice as long with what it has to
    # be scaled by: 1.0 ms for a thumbnail of 190 pixels instead of 0.5.
    buffer = QBuffer()  # the reader does not keep it alive
    buffer.setData(QByteArray(jpeg))
    reader = QImageReader(buffer, QByteArray(b"jpeg"))
    most = QSize(min(edge_px, card.width_px), min(thumb_height_px(edge_px), card.height_px))
    size = reader.size().scaled(most, Qt.AspectRatioMode.KeepAspectRatio)
    reader.setScaledSize(size.expandedTo(QSize(1, 1)))
    return reader.read()
