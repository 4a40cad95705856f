#!/usr/bin/env -S pml -p qt
"""A notepad: what a small Qt program looks like to pml. Start it with: pml -p qt pml-notes.py [FILE]"""

import importlib
import sys

# The same order as in the profile qt.
for binding in ("PySide6", "PyQt6", "PySide2", "PyQt5"):
    try:
        QtCore, QtGui, QtWidgets = (importlib.import_module(f"{binding}.{name}") for name in ("QtCore", "QtGui", "QtWidgets"))
        break
    except ImportError:
        pass
else:
    sys.exit("pml-notes needs one of PySide6, PyQt6, PySide2 and PyQt5; on Debian: apt install python3-pyqt5")
QAction = getattr(QtGui, "QAction", None) or QtWidgets.QAction  # Qt 6 has it in QtGui


class Window(QtWidgets.QMainWindow):
    def __init__(self, path=None):
        super().__init__()
        self.editor = QtWidgets.QPlainTextEdit()
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
        path, _ = QtWidgets.QFileDialog.getOpenFileName(self)
        if path:
            self.read(path)

    def save(self):
        path, _ = QtWidgets.QFileDialog.getSaveFileName(self)
        if path:
            with open(path, "w", encoding="utf-8") as file:
                file.write(self.editor.toPlainText())


def main():
    words = [word for word in sys.argv[1:] if word != "--quit"]
    app = QtWidgets.QApplication(sys.argv)
    window = Window(*words[:1])
    window.resize(640, 400)
    window.show()
    if "--quit" in sys.argv:  # for trying how fast it opens
        QtCore.QTimer.singleShot(0, app.quit)
    return app.exec() if hasattr(app, "exec") else app.exec_()


if __name__ == "__main__":
    sys.exit(main())
