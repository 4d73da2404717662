"""Settings: what this machine encodes photos with, and how fast that is."""

import os

from PySide6.QtCore import QCoreApplication, Qt, Slot
from PySide6.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QLabel, QPushButton, QSpinBox, QVBoxLayout

from imgfind.core import Library, config, models, remote_encoder, wording
from imgfind.core.config import Config
from imgfind.core.paths import displayed
from imgfind.core.presets import STARTER
from imgfind.gui.settings_page import SettingsPage, faint
from imgfind.gui.tasks import Lane, TaskRunner

_MEASURED_S = 3.0


class DevicePage(SettingsPage):
    """Device and threads, with what was detected and a measurement."""

    def __init__(self, runner: TaskRunner) -> None:
        super().__init__(runner, QCoreApplication.translate("DevicePage", "Device"))
        self._device = QComboBox()
        self._device.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._device.setAccessibleName(self.tr("Device"))
        self._device.activated.connect(self._save)
        self._detected = faint(self.tr("Looking what this machine has…"))
        self._threads = QSpinBox(maximum=4 * (os.cpu_count() or 1))
        self._threads.setSpecialValueText(self.tr("All {} cores").format(config.usable_cores()))
        self._threads.setAccessibleName(self.tr("Threads"))
        self._threads.editingFinished.connect(self._save)
        self._measure = QPushButton(self.tr("&Measure"))
        self._measure.setToolTip(self.tr("Encode pictures for a few seconds and count them"))
        self._measure.clicked.connect(self._on_measure)
        self._measured = QLabel()
        measuring = QHBoxLayout()
        measuring.addWidget(self._measure)
        measuring.addWidget(self._measured, 1)
        device = QVBoxLayout()
        device.setSpacing(2)
        device.addWidget(self._device, 0, Qt.AlignmentFlag.AlignLeft)
        device.addWidget(self._detected)
        device_label = QLabel(self.tr("&Run the model on"))
        device_label.setBuddy(self._device)
        form = QFormLayout()
        form.setVerticalSpacing(10)
        form.addRow(device_label, device)
        threads = QHBoxLayout()
        threads.addWidget(self._threads)
        threads.addStretch(1)
        threads_label = QLabel(self.tr("&Threads"))
        threads_label.setBuddy(self._threads)
        form.addRow(threads_label, threads)
        form.addRow(self.tr("Speed"), measuring)
        self.body.addLayout(form)
        self.body.addWidget(faint(self.tr("Indexing goes by this from its next run, searching from the next start.")))
        self.body.addStretch(1)
        self._saved = Config()
        self._known = False

    def refresh(self) -> None:
        """Read what is chosen, and once what there is to choose from."""
        self.ask(Lane.READ, lambda _library: config.load_config(), self._show_chosen)
        if not self._known:
            self._known = True
            self.ask(Lane.PATIENT, lambda _library: remote_encoder.devices(), self._show_devices, self._on_unknown)

    def _show_chosen(self, chosen: Config) -> None:
        self._saved = chosen
        self._threads.setValue(chosen.threads)
        if self._device.count() == 0:
            self._offer([])
        self._device.setCurrentIndex(self._device.findData(chosen.device))

    def _show_devices(self, devices: list[str]) -> None:
        self._offer(devices)
        self._device.setCurrentIndex(self._device.findData(self._saved.device))
        self._detected.setText(self.tr("Found here: {}").format(", ".join(self._name(device) for device in devices)))

    def _on_unknown(self) -> None:
        self._known = False
        self._detected.clear()

    def _offer(self, devices: list[str]) -> None:
        self._device.clear()
        for device in dict.fromkeys(("auto", *devices, "cpu", self._saved.device)):
            self._device.addItem(self._name(device), device)

    def _name(self, device: str) -> str:
        return {
            "auto": self.tr("The fastest (automatic)"),
            "cpu": self.tr("Processor (cpu)"),
            "cuda": self.tr("NVIDIA or AMD graphics (cuda)"),
            "mps": self.tr("Apple graphics (mps)"),
            "xpu": self.tr("Intel graphics (xpu)"),
        }.get(device, device)

    def _chosen(self) -> Config:
        return Config(self._device.currentData() or "auto", self._threads.value())

    @Slot()
    def _save(self) -> None:
        chosen = self._chosen()
        if chosen != self._saved:
            self._saved = chosen
            self._measured.clear()
            self.ask(Lane.WRITE, lambda _library: config.save_config(chosen), lambda _: None)

    @Slot()
    def _on_measure(self) -> None:
        chosen = self._chosen()
        self._measure.setEnabled(False)
        self._measured.setText(self.tr("Measuring…"))

        def measured(library: Library) -> tuple[str, float]:
            model = models.find_model(_model_in_use(library))
            return model.name, remote_encoder.measure(
                model, device=chosen.device, threads=chosen.threads, seconds=_MEASURED_S
            )

        self.ask(Lane.PATIENT, measured, self._show_speed, self._on_not_measured)

    def _show_speed(self, measured: tuple[str, float]) -> None:
        name, per_s = measured
        self._measure.setEnabled(True)
        self._measured.setText(self.tr("{0} pictures a second with {1}").format(wording.rate(per_s), displayed(name)))

    def _on_not_measured(self) -> None:
        self._measure.setEnabled(True)
        self._measured.clear()


def _model_in_use(library: Library) -> str:
    """Return the model that indexing works for, the starter where nothing is indexed yet."""
    return next((use.name for use in library.model_uses() if use.is_target), STARTER)
