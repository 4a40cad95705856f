#include "worker/kept_file.hpp"

#include <fcntl.h>

#include <utility>

#include "base/unique_fd.hpp"

namespace pml::worker {

namespace {

struct KeptFile {
  int number = -1;
  std::string path;
};

KeptFile& file() {
  static auto* const instance = new KeptFile;
  return *instance;
}

}  // namespace

void note_kept_file(int number, std::string path) {
  file() = {number, std::move(path)};
}

int kept_file() noexcept {
  return file().number;
}

void open_kept_file(bool import_opens_it) noexcept {
  const auto& [number, path] = file();
  if (number < 0 || ::fcntl(number, F_GETFD) >= 0) return;  // a worker that no job has come to
  base::UniqueFd opened(base::k_adopt, ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!opened.valid()) return;
  base::UniqueFd own = base::duplicate(opened.borrow(), number);
  if (own.get() == number) (void)own.release();
  if (import_opens_it) (void)opened.release();
}

}  // namespace pml::worker
