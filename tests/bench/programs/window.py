"""A window that prints the monotonic clock's nanoseconds at its first paint event and ends; ../window.cpp is the same one."""

import sys
import time

from PySide2.QtCore import QTimer
from PySide2.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget


class Window(QWidget):
    def __init__(self):
        super().__init__()
        self.painted = False
        self.setWindowTitle("first paint")
        layout = QVBoxLayout(self)
        layout.addWidget(QLabel("a label", self))
        layout.addWidget(QLineEdit("a line of text", self))
        layout.addWidget(QPushButton("a button", self))

    def paintEvent(self, event):
        super().paintEvent(event)
        if self.painted:
            return
        self.painted = True
        print(time.monotonic_ns(), flush=True)
        QTimer.singleShot(0, QApplication.instance().quit)


application = QApplication(sys.argv)
window = Window()
window.show()
sys.exit(application.exec_())
