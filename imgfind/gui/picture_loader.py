"""Decodes photos to be looked at, off the GUI thread: first as large as the screen, all pixels when they are wanted.

Keeps the pictures seen last and decodes those that come next ahead of time, one at a time, so that the previews of the
grid have a thread as well. Everything public is called on the GUI thread.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import QCoreApplication, QObject, QSize, Qt, Signal
from PySide6.QtGui import QColorSpace, QImage

from imgfind.core import Library, reading
from imgfind.core.content import Picture
from imgfind.core.errors import UnreadablePhotoError
from imgfind.core.records import Card, PhotoId
from imgfind.gui.tasks import Lane, TaskRunner

_KEPT_BYTES = 192 * 1024 * 1024
"""Some five pictures of a 4K screen: the one that is shown and those on either side."""
_NEARLY_ALL = 0.9
"""Of the short edge counts as all pixels: the JPEG in a RAW file is a few pixels smaller than the sensor, and much
faster than to develop it."""


@dataclass(frozen=True, slots=True, eq=False)
class LoadedPicture:
    """A photo to be shown. ``card`` is None where the library has it no longer.

    ``image`` is None where it cannot be read, and ``problem`` says why. ``size`` is that of the file, upright.
    """

    card: Card | None
    image: QImage | None = None
    size: QSize = field(default_factory=QSize)
    problem: str = ""

    def is_whole(self) -> bool:
        """Tell whether these are all pixels there are."""
        return self.image is None or _short(self.image.size()) >= _NEARLY_ALL * _short(self.size)

    def is_sharp(self, box: QSize) -> bool:
        """Tell whether it need not be enlarged to fill ``box`` (device pixels)."""
        return self.image is None or self.is_whole() or _short(self.image.size()) >= fitted_edge_px(self.size, box)


def fitted_edge_px(size: QSize, box: QSize) -> int:
    """Return the short edge of a picture of ``size`` that is fitted into ``box``."""
    return max(1, _short(size.scaled(box, Qt.AspectRatioMode.KeepAspectRatio)))


class PictureLoader(QObject):
    """The pictures of a viewer.

    Signals:
        loaded(PhotoId, LoadedPicture): a picture that was wanted.
    """

    loaded = Signal(object, object)

    def __init__(self, runner: TaskRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._kept: OrderedDict[PhotoId, LoadedPicture] = OrderedDict()
        self._wanted: Sequence[PhotoId] = ()
        self._box = QSize()
        self._running: set[PhotoId] = set()

    def picture(self, photo_id: PhotoId) -> LoadedPicture | None:
        """Return a picture that is at hand."""
        if photo_id in self._kept:
            self._kept.move_to_end(photo_id)
        return self._kept.get(photo_id)

    def want(self, photo_ids: Sequence[PhotoId], box: QSize) -> None:
        """Load these, the first one first, to fill ``box`` (device pixels); whatever else was wanted no longer is."""
        for photo_id in set(photo_ids).difference(self._wanted):
            if (kept := self._kept.get(photo_id)) is not None and kept.image is None:
                del self._kept[photo_id]  # a drive may have come back since
        self._wanted, self._box = tuple(photo_ids), box
        for photo_id in self._running.difference(photo_ids):
            self._runner.cancel(self._key(photo_id))
        self._running.intersection_update(photo_ids)
        if self._wanted and self._wanted[0] not in self._running and not self._is_ready(self._wanted[0]):
            self._start(self._wanted[0])
        else:
            self._start_next()

    def want_whole(self, photo_id: PhotoId) -> None:
        """Load all pixels of one photo; they are not kept."""

        def done(loaded: LoadedPicture) -> None:
            self.loaded.emit(photo_id, loaded)

        self._runner.run(
            Lane.PICTURES, lambda library: load_picture(library, photo_id, None), done, key=(self, "whole"), owner=self
        )

    def drop_whole(self) -> None:
        """Want no longer what :meth:`want_whole` asked for."""
        self._runner.cancel((self, "whole"))

    def forget(self, photo_ids: Sequence[PhotoId]) -> None:
        """Load these photos again when they are wanted next."""
        for photo_id in photo_ids:
            self._kept.pop(photo_id, None)

    def _key(self, photo_id: PhotoId) -> tuple[object, PhotoId]:
        return (self, photo_id)

    def _is_ready(self, photo_id: PhotoId) -> bool:
        kept = self._kept.get(photo_id)
        return kept is not None and kept.is_sharp(self._box)

    def _start_next(self) -> None:
        missing = (item for item in self._wanted if not self._is_ready(item))
        if not self._running and (photo_id := next(missing, None)) is not None:
            self._start(photo_id)

    def _start(self, photo_id: PhotoId) -> None:
        box = self._box
        self._running.add(photo_id)

        def done(loaded: LoadedPicture) -> None:
            self._running.discard(photo_id)
            self._keep(photo_id, loaded)
            self.loaded.emit(photo_id, loaded)
            self._start_next()

        self._runner.run(
            Lane.PICTURES,
            lambda library: load_picture(library, photo_id, box),
            done,
            key=self._key(photo_id),
            owner=self,
        )

    def _keep(self, photo_id: PhotoId, loaded: LoadedPicture) -> None:
        self._kept[photo_id] = loaded
        self._kept.move_to_end(photo_id)
        size_bytes = sum(kept.image.sizeInBytes() for kept in self._kept.values() if kept.image)
        for oldest in list(self._kept):
            if size_bytes <= _KEPT_BYTES:
                break
            if oldest not in self._wanted:
                dropped = self._kept.pop(oldest)
                size_bytes -= dropped.image.sizeInBytes() if dropped.image else 0


def load_picture(library: Library, photo_id: PhotoId, box: QSize | None) -> LoadedPicture:
    """Load a photo to fill ``box`` (device pixels), or all of it. Runs in a worker."""
    cards = library.photos.cards([photo_id])
    if not cards:
        return LoadedPicture(None, problem=_tr("This photo is no longer in the library."))
    card = cards[0]
    size = QSize(card.width_px, card.height_px)
    edge_px = fitted_edge_px(size, box) if box else max(1, round(_NEARLY_ALL * _short(size)))
    try:
        picture = reading.full_picture(card.path, edge_px)
    except UnreadablePhotoError as error:
        return LoadedPicture(card, size=size, problem=_problem(card, error))
    return LoadedPicture(card, _image(picture), QSize(picture.width_px, picture.height_px))


def _problem(card: Card, error: UnreadablePhotoError) -> str:
    if card.offline:
        return _tr("Not in reach; connect its drive.")
    if isinstance(error.__cause__, FileNotFoundError):
        return _tr("The file is not there any more.")
    return _tr("Cannot be shown: {0}.").format(error.reason)


def _image(picture: Picture) -> QImage:
    height, width, channels = picture.pixels.shape
    borrowed = QImage(picture.pixels.data, width, height, channels * width, QImage.Format.Format_RGB888)
    # Fitted into 1920 x 1080, four bytes a pixel are drawn in 5 ms, three in 24; and the pixels have to be Qt's own.
    image = borrowed.convertToFormat(QImage.Format.Format_RGB32)
    image.setColorSpace(QColorSpace(QColorSpace.NamedColorSpace.SRgb))
    return image


def _short(size: QSize) -> int:
    return min(size.width(), size.height())


def _tr(text: str) -> str:
    return QCoreApplication.translate("PictureLoader", text)
