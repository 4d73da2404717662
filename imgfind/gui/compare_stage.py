"""Where two photos that lie on each other are looked at: canvases that share a place and a zoom. GUI thread only."""

from PySide6.QtCore import QRect, QSize, QTimer, Signal
from PySide6.QtGui import QImage, QResizeEvent
from PySide6.QtWidgets import QWidget

from imgfind.gui.image_canvas import ImageCanvas
from imgfind.gui.laid_pair import LaidPair

SIDE_BY_SIDE, BLINK, DIFFERENCE = "side by side", "blink", "difference"
_BLINK_MS = 700
"""Slow enough to see both, and far below the three flashes a second that harm some people."""
_GAP_PX = 4


class CompareStage(QWidget):
    """The two photos, or their difference.

    Signals:
        detail_wanted(): they are shown larger than their sharpest versions.
        kept_in_sight(bool): the kept photo is shown, or the one beside it; true where both are.
    """

    detail_wanted = Signal()
    kept_in_sight = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.mode = SIDE_BY_SIDE
        self.pair: LaidPair | None = None
        self._kept, self._member, self._difference = (ImageCanvas(self) for _ in range(3))
        self._canvases = (self._kept, self._member, self._difference)
        for canvas in self._canvases:
            canvas.sight_changed.connect(lambda canvas=canvas: self._follow(canvas))
            canvas.detail_wanted.connect(self.detail_wanted)
        self._shows_kept = True
        self._blink = QTimer(self, interval=_BLINK_MS)
        self._blink.timeout.connect(self._turn)
        self.set_mode(SIDE_BY_SIDE)

    def show_nothing(self) -> None:
        """Show no photo."""
        self.pair = None
        for canvas in self._canvases:
            canvas.show_picture(QSize(), None)

    def show_pair(self, pair: LaidPair) -> None:
        """Show two photos, whole."""
        self.pair = pair
        self._kept.show_picture(pair.size, pair.kept)
        self._member.show_picture(pair.size, pair.member)
        self._difference.show_picture(pair.size, None)

    def add_detail(self, pair: LaidPair) -> None:
        """Show the same two sharper."""
        for canvas, image in ((self._kept, pair.kept), (self._member, pair.member)):
            if image is not None:
                canvas.add_version(image)

    def show_difference(self, image: QImage) -> None:
        """Show where the two differ."""
        self._difference.add_version(image)

    def set_mode(self, mode: str) -> None:
        """Show the two in another way, the same part of them."""
        self.mode = mode
        for canvas, shown in (
            (self._kept, mode != DIFFERENCE),
            (self._member, mode != DIFFERENCE),
            (self._difference, mode == DIFFERENCE),
        ):
            canvas.setVisible(shown)
        self._place()
        if mode == BLINK:
            self._blink.start()
            self._turn()
        else:
            self._blink.stop()
            self.kept_in_sight.emit(True)

    def zoom_by(self, steps: float) -> None:
        """Zoom in by so many steps, out where they are negative."""
        (self._difference if self.mode == DIFFERENCE else self._kept).zoom_by(steps)

    def fit(self) -> None:
        """Show all of them."""
        (self._difference if self.mode == DIFFERENCE else self._kept).fit()

    def _follow(self, moved: ImageCanvas) -> None:
        for canvas in self._canvases:
            if canvas is not moved:
                canvas.set_sight(moved.sight)

    def _turn(self) -> None:
        """Show the other one."""
        self._shows_kept = not self._shows_kept
        (self._kept if self._shows_kept else self._member).raise_()
        self.kept_in_sight.emit(self._shows_kept)

    def _place(self) -> None:
        whole = self.rect()
        half_px = (whole.width() - _GAP_PX) // 2
        is_split = self.mode == SIDE_BY_SIDE
        left = QRect(0, 0, half_px, whole.height())
        self._kept.setGeometry(left if is_split else whole)
        self._member.setGeometry(left.translated(half_px + _GAP_PX, 0) if is_split else whole)
        self._difference.setGeometry(whole)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()
