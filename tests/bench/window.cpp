#include <QApplication>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QTimer>
#include <QVBoxLayout>
#include <QWidget>
#include <cstdio>
#include <ctime>

// A window that prints the monotonic clock's nanoseconds at its first paint event and ends;
// programs/window.py is the same one in Python.

class Window : public QWidget {
 public:
  Window() {
    setWindowTitle("first paint");
    auto* layout = new QVBoxLayout(this);
    layout->addWidget(new QLabel("a label", this));
    layout->addWidget(new QLineEdit("a line of text", this));
    layout->addWidget(new QPushButton("a button", this));
  }

 protected:
  void paintEvent(QPaintEvent* event) override {
    QWidget::paintEvent(event);
    if (painted_) return;
    painted_ = true;
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    std::printf("%lld\n", static_cast<long long>(now.tv_sec) * 1000000000LL + now.tv_nsec);
    std::fflush(stdout);
    QTimer::singleShot(0, qApp, [] { QCoreApplication::quit(); });
  }

 private:
  bool painted_ = false;
};

int main(int count, char** words) {
  QApplication application(count, words);
  Window window;
  window.show();
  return QApplication::exec();
}
