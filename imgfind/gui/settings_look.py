"""Settings: light or dark, and what stands below a thumbnail."""

from PySide6.QtCore import QCoreApplication, Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QCheckBox, QLabel, QRadioButton

from imgfind.gui import theme
from imgfind.gui.preferences import CAPTIONS, Preferences
from imgfind.gui.settings_page import SettingsPage
from imgfind.gui.tasks import TaskRunner


class LookPage(SettingsPage):
    """Theme and captions.

    Signals:
        captions_changed(frozenset): which of ``preferences.CAPTIONS`` are shown.
    """

    captions_changed = Signal(object)

    def __init__(self, runner: TaskRunner, preferences: Preferences) -> None:
        super().__init__(runner, QCoreApplication.translate("LookPage", "Appearance"))
        self._preferences = preferences
        self.body.addWidget(QLabel(self.tr("Colours")))
        self._themes = QButtonGroup(self)
        for number, name in enumerate(theme.THEMES):
            button = QRadioButton(self._theme_name(name))
            button.setChecked(name == preferences.theme)
            self._themes.addButton(button, number)
            self.body.addWidget(button)
        self._themes.idClicked.connect(self._on_theme)
        self.body.addSpacing(8)
        self.body.addWidget(QLabel(self.tr("Below each photo")))
        self._captions = {}
        for name in CAPTIONS:
            box = QCheckBox(self._caption_name(name))
            box.setChecked(name in preferences.captions)
            box.toggled.connect(self._on_captions)
            self._captions[name] = box
            self.body.addWidget(box)
        self.body.addStretch(1)

    def _theme_name(self, name: str) -> str:
        return {"system": self.tr("As the system"), "light": self.tr("Light"), "dark": self.tr("Dark")}[name]

    def _caption_name(self, name: str) -> str:
        return {"name": self.tr("File name"), "date": self.tr("Date"), "score": self.tr("Score of a search")}[name]

    @Slot(int)
    def _on_theme(self, number: int) -> None:
        self._preferences.theme = theme.THEMES[number]
        theme.apply(theme.THEMES[number])

    @Slot()
    def _on_captions(self) -> None:
        chosen = frozenset(name for name, box in self._captions.items() if box.isChecked())
        self._preferences.captions = chosen
        self.captions_changed.emit(chosen)
