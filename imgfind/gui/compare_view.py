"""Two photos of a group, large: side by side, in turns, or as their difference, always at the same place and zoom.

Shows one pair and asks to go on; what is decided about it is the page's. GUI thread only.
"""

import os
from collections import OrderedDict
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeyEvent, QPalette
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from imgfind.core import paths
from imgfind.core.store.rows import GroupedPhoto
from imgfind.gui import texts, verdict_words
from imgfind.gui.compare_stage import BLINK, DIFFERENCE, SIDE_BY_SIDE, CompareStage
from imgfind.gui.laid_pair import LaidPair, PairKey, difference, load_pair
from imgfind.gui.review import Spot
from imgfind.gui.tasks import Lane, TaskRunner
from imgfind.gui.viewer_bar import ElidedLabel, tool_button

_KEPT_PAIRS = 3
"""The one before, this one and the next: some 100 MB on a 4K screen."""
_RESIZED_AFTER_MS = 200
_SMALLER = 0.9
_MARGIN_PX = 8


class CompareView(QWidget):
    """The kept photo and one beside it.

    Signals:
        closed(): back to the groups.
        walked(int): the next photo (1), or the one before (-1), is wanted.
        group_walked(int): so for groups.
    """

    closed = Signal()
    walked = Signal(int)
    group_walked = Signal(int)

    def __init__(self, runner: TaskRunner, actions: Sequence[QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._key: PairKey | None = None
        self._next: PairKey | None = None
        self._pairs: OrderedDict[PairKey, LaidPair] = OrderedDict()
        self._whole_wanted = False
        self._stage = CompareStage()
        self._stage.detail_wanted.connect(self._want_whole)
        self._stage.kept_in_sight.connect(self._stress)
        self._problem = QLabel(wordWrap=True)
        self._problem.setTextFormat(Qt.TextFormat.PlainText)
        self._problem.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._shown = QStackedWidget()
        self._shown.addWidget(self._stage)
        self._shown.addWidget(self._problem)
        self._title = ElidedLabel()
        self._kept, self._member = _Words(), _Words()
        self._resize_timer = QTimer(self, singleShot=True, interval=_RESIZED_AFTER_MS)
        self._resize_timer.timeout.connect(self._want)
        self._modes = self._made_modes()
        self._arrange(actions)
        self.addActions(list(actions))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.Base)
        self.setAccessibleName(self.tr("Compare two photos"))

    @property
    def mode(self) -> str:
        """Return ``side by side``, ``blink`` or ``difference``."""
        return self._stage.mode

    def show_spot(self, spot: Spot, place: str, *, marked: bool, following: Spot | None = None) -> None:
        """Show the photo at ``spot`` beside the kept one of its group; ``place`` says where that is in all of them.

        ``following`` is loaded ahead of time.
        """
        assert spot.member is not None, "a photo is compared with the kept one"
        standing = verdict_words.standing(spot.member)
        self._title.set_text(f"{standing} · {place}")
        self._kept.show_photo(self.tr("Kept: {}").format(verdict_words.reasons(spot.group)), spot.group.kept)
        self._member.show_photo(self.tr("{}, to be removed").format(standing) if marked else standing, spot.photo)
        key = _key(spot)
        self._next = _key(following) if following is not None and following.member is not None else None
        if key != self._key:
            self._key = key
            self._stage.show_nothing()
            self._runner.cancel((self, "whole"))
            self._want()

    def leave(self) -> None:
        """Let go of the pictures and go back."""
        self._key = None
        self._pairs.clear()
        for what in ("pair", "next", "whole", "difference"):
            self._runner.cancel((self, what))
        self._stage.show_nothing()
        self.closed.emit()

    def set_mode(self, mode: str) -> None:
        """Look at the two photos in another way."""
        self._modes[mode].setChecked(True)
        self._stage.set_mode(mode)
        if mode == DIFFERENCE:
            self._want_difference()

    # Loading

    def _box(self) -> QSize:
        return self._stage.size() * self.devicePixelRatioF()

    def _want(self) -> None:
        key, box = self._key, self._box()
        if key is None or not self.isVisible():
            return
        self._whole_wanted = False
        if key in self._pairs:
            self._show(self._pairs[key])
            self._want_next()
            return

        def done(pair: LaidPair) -> None:
            self._keep(key, pair)
            if key == self._key:
                self._show(pair)
                self._want_next()

        self._runner.run(
            Lane.PICTURES, lambda library: load_pair(library, key, box), done, key=(self, "pair"), owner=self
        )

    def _want_next(self) -> None:
        key, box = self._next, self._box()
        if key is None or key in self._pairs:
            return
        self._runner.run(
            Lane.PICTURES,
            lambda library: load_pair(library, key, box),
            lambda pair: self._keep(key, pair),
            key=(self, "next"),
            owner=self,
        )

    def _keep(self, key: PairKey, pair: LaidPair) -> None:
        self._pairs[key] = pair
        while len(self._pairs) > _KEPT_PAIRS:
            self._pairs.popitem(last=False)

    def _show(self, pair: LaidPair) -> None:
        self._problem.setText(pair.problem)
        self._shown.setCurrentWidget(self._problem if pair.problem else self._stage)
        self._stage.show_pair(pair)
        if self.mode == DIFFERENCE:
            self._want_difference()

    def _want_whole(self) -> None:
        key = self._key
        if self._whole_wanted or key is None:
            return
        self._whole_wanted = True

        def done(pair: LaidPair) -> None:
            if key == self._key and not pair.problem:
                self._stage.add_detail(pair)

        self._runner.run(
            Lane.PICTURES, lambda library: load_pair(library, key, None), done, key=(self, "whole"), owner=self
        )

    def _want_difference(self) -> None:
        pair = self._stage.pair
        if pair is None or pair.problem:
            return
        self._runner.run(
            Lane.PICTURES,
            lambda _library: difference(pair),
            lambda image: self._stage.show_difference(image) if self._stage.pair is pair and image else None,
            key=(self, "difference"),
            owner=self,
        )

    def _stress(self, is_kept: bool) -> None:
        """Say which of the two is to be seen, where it is one at a time."""
        blinks = self.mode == BLINK
        self._kept.setEnabled(is_kept or not blinks)
        self._member.setEnabled(not is_kept or not blinks)

    # Arranged

    def _made_modes(self) -> dict[str, QToolButton]:
        group = QButtonGroup(self)
        buttons = {}
        for mode, name, text in (
            (SIDE_BY_SIDE, "columns-2", self.tr("Side by side (1)")),
            (BLINK, "eye", self.tr("In turns at the same place (2)")),
            (DIFFERENCE, "contrast", self.tr("The difference (3)")),
        ):
            button = tool_button(self, name, text)
            button.setCheckable(True)
            button.clicked.connect(lambda _checked=False, mode=mode: self.set_mode(mode))
            group.addButton(button)
            buttons[mode] = button
        buttons[SIDE_BY_SIDE].setChecked(True)
        return buttons

    def _arrange(self, actions: Sequence[QAction]) -> None:
        bar = QHBoxLayout()
        bar.setContentsMargins(_MARGIN_PX, 4, _MARGIN_PX, 4)
        for button in self._modes.values():
            bar.addWidget(button)
        bar.addSpacing(_MARGIN_PX)
        bar.addWidget(self._title, 1)
        for action in actions:
            button = QToolButton(autoRaise=True)
            button.setDefaultAction(action)
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            bar.addWidget(button)
        close = tool_button(self, "x", self.tr("Back to the groups (Esc)"))
        close.clicked.connect(self.leave)
        bar.addWidget(close)
        below = QHBoxLayout()
        below.setContentsMargins(_MARGIN_PX, _MARGIN_PX, _MARGIN_PX, _MARGIN_PX)
        below.setSpacing(2 * _MARGIN_PX)
        below.addWidget(self._kept, 1)
        below.addWidget(self._member, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(bar)
        layout.addWidget(self._shown, 1)
        layout.addLayout(below)

    # Qt's names from here on.

    def keyPressEvent(self, event: QKeyEvent) -> None:
        stage, key = self._stage, Qt.Key
        does = {
            key.Key_Right: lambda: self.walked.emit(1),
            key.Key_Left: lambda: self.walked.emit(-1),
            key.Key_Down: lambda: self.group_walked.emit(1),
            key.Key_Up: lambda: self.group_walked.emit(-1),
            key.Key_Space: self.leave,
            key.Key_Escape: self.leave,
            key.Key_1: lambda: self.set_mode(SIDE_BY_SIDE),
            key.Key_2: lambda: self.set_mode(BLINK),
            key.Key_3: lambda: self.set_mode(DIFFERENCE),
            key.Key_Plus: lambda: stage.zoom_by(1),
            key.Key_Equal: lambda: stage.zoom_by(1),
            key.Key_Minus: lambda: stage.zoom_by(-1),
            key.Key_0: stage.fit,
        }.get(Qt.Key(event.key()))
        if does is None or event.modifiers() & ~(
            Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier
        ):
            super().keyPressEvent(event)
        else:
            does()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._pairs.clear()
            self._resize_timer.start()
        return super().event(event)


class _Words(QWidget):
    """What there is to say of one of the two photos."""

    def __init__(self) -> None:
        super().__init__()
        self._lines = [ElidedLabel(cut=Qt.TextElideMode.ElideRight), *(ElidedLabel() for _ in range(3))]
        font = self.font()
        font.setPointSizeF(_SMALLER * font.pointSizeF())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(1)
        for number, line in enumerate(self._lines):
            if number:
                line.setFont(font)
            layout.addWidget(line)

    def show_photo(self, heading: str, photo: GroupedPhoto) -> None:
        folder, name = os.path.split(photo.path)
        taken = texts.moment(photo.taken_at) if photo.taken_at else ""
        facts = (verdict_words.facts(photo), photo.format, taken, photo.camera or "")
        lines = (heading, paths.displayed(name), " · ".join(filter(None, facts)), texts.path(folder))
        for line, text in zip(self._lines, lines, strict=True):
            line.set_text(text)


def _key(spot: Spot) -> PairKey:
    assert spot.member is not None, "the kept photo is no pair"
    return PairKey(spot.group.kept.photo_id, spot.photo.photo_id, spot.member.label, spot.member.turn)
