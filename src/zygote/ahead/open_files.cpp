#include "zygote/ahead/open_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

#include "worker/placement.hpp"

namespace pml::zygote::ahead {

namespace {

constexpr int k_out_of_the_way = 200;

struct OpenFile {
  int number;
  int flags;
  int descriptor_flags;
  off_t place;
};

std::vector<OpenFile>& open_files() {
  static auto* const instance = new std::vector<OpenFile>;
  return *instance;
}

/// Whether opening it once more gives the same: a file that is read, or a device that is nobody's.
bool opens_alike(const struct stat& info, int flags) noexcept {
  if (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)) return (flags & O_ACCMODE) == O_RDONLY;
  constexpr unsigned k_memory_devices = 1;
  constexpr std::array<unsigned, 5> k_null_zero_full_random_urandom{3, 5, 7, 8, 9};
  return S_ISCHR(info.st_mode) && major(info.st_rdev) == k_memory_devices &&
         std::count(k_null_zero_full_random_urandom.begin(), k_null_zero_full_random_urandom.end(),
                    minor(info.st_rdev)) != 0;
}

}  // namespace

std::vector<int> own_descriptors(int link) {
  std::vector<int> numbers;
  for (const int number : worker::open_descriptors())
    if (number > 2 && number != link) numbers.push_back(number);
  return numbers;
}

std::optional<std::string> note_open_files(int link) {
  for (const int number : own_descriptors(link)) {
    struct stat info = {};
    const int flags = ::fcntl(number, F_GETFL);
    if (flags < 0 || ::fstat(number, &info) != 0) continue;
    if (!opens_alike(info, flags)) return "descriptor " + std::to_string(number) + " is left open";
    open_files().push_back({number, flags, ::fcntl(number, F_GETFD), ::lseek(number, 0, SEEK_CUR)});
  }
  return std::nullopt;
}

bool reopen_files() {
  for (const OpenFile& file : open_files()) {
    const std::string path = "/proc/self/fd/" + std::to_string(file.number);
    const base::UniqueFd own(base::k_adopt,
                             ::open(path.c_str(), (file.flags & ~O_CREAT) | O_CLOEXEC));
    if (!own.valid() || ::lseek(own.get(), file.place, SEEK_SET) < 0 ||
        !base::place(own.borrow(), file.number) ||
        ::fcntl(file.number, F_SETFD, file.descriptor_flags) != 0)
      return false;
  }
  return true;
}

base::UniqueFd move_up(base::UniqueFd descriptor) {
  base::UniqueFd high = base::duplicate(descriptor.borrow(), k_out_of_the_way);
  return high.valid() ? std::move(high) : std::move(descriptor);
}

}  // namespace pml::zygote::ahead
