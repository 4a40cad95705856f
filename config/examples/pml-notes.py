#!/usr/bin/python3
"""A notepad: what a small Qt program looks like to pml. Start it with: pml -p qt pml-notes.py [FILE]"""

import sys

from PySide2.QtCore import QTimer
from PySide2.QtWidgets import QAction, QApplication, QFileDialog, QMainWindow, QPlainTextEdit


class Window(QMainWindow):
    def __init__(self, path=None):
        super().__init__()
        self.editor = QPlainTextEdit()
        self.setCentralWidget(self.editor)
        self.setWindowTitle(path or "Notes")
        menu = self.menuBar().addMenu("&File")
        for text, slot in (("&Open…", self.open), ("&Save as…", self.save), ("&Quit", self.close)):
            action = QAction(text, self)
            action.triggered.connect(slot)
            menu.addAction(action)
        if path:
            self.read(path)

    def read(self, path):
        with open(path, encoding="utf-8") as file:
            self.editor.setPlainText(file.read())

    def open(self):
        path, _ = QFileDialog.getOpenFileName(self)
        if path:
            self.read(path)

    def save(self):
        path, _ = QFileDialog.getSaveFileName(self)
        if path:
            with open(path, "w", encoding="utf-8") as file:
                file.write(self.editor.toPlainText())


def main():
    words = [word for word in sys.argv[1:] if word != "--quit"]
    app = QApplication(sys.argv)
    window = Window(*words[:1])
    window.resize(640, 400)
    window.show()
    if "--quit" in sys.argv:  # for trying how fast it opens
        QTimer.singleShot(0, app.quit)
    return app.exec_()


if __name__ == "__main__":
    sys.exit(main())
