#include "worker/placement.hpp"

#include <dirent.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>

namespace pml::worker {

namespace {

/// Moves an own descriptor to a number no placed one will need.
int move_up(base::UniqueFd& fd, int floor) {
  if (!fd.valid() || fd.get() >= floor) return 0;
  base::UniqueFd copy = base::duplicate(fd.borrow(), floor);
  if (!copy.valid()) return errno;
  fd = std::move(copy);
  return 0;
}

}  // namespace

std::vector<int> open_descriptors() {
  std::vector<int> numbers;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc/self/fd"), ::closedir);
  if (!folder) return numbers;
  while (const dirent* item = ::readdir(folder.get())) {
    const int number = std::atoi(item->d_name);  // 0 for the two folders
    if ((number != 0 || item->d_name[0] == '0') && number != ::dirfd(folder.get()))
      numbers.push_back(number);
  }
  return numbers;
}

int place_all(std::span<base::UniqueFd> descriptors, std::span<const std::int32_t> numbers,
              std::span<base::UniqueFd* const> keep, std::span<const int> fixed) {
  int floor = 3;
  for (const int number : fixed)
    if (std::find(numbers.begin(), numbers.end(), number) != numbers.end()) return EEXIST;
  for (std::int32_t number : numbers) floor = std::max(floor, number + 1);
  for (base::UniqueFd* own : keep)
    if (const int error = move_up(*own, floor); error != 0) return error;
  // A received descriptor that stands where another one belongs makes room first.
  for (base::UniqueFd& fd : descriptors) {
    const bool in_the_way = fd.valid() && fd.get() < floor;
    if (in_the_way)
      if (const int error = move_up(fd, floor); error != 0) return error;
  }
  std::vector<int> kept(fixed.begin(), fixed.end());
  for (std::size_t i = 0; i < descriptors.size(); ++i) {
    if (numbers[i] < 0) {
      if (descriptors[i].valid()) kept.push_back(descriptors[i].get());
      continue;
    }
    if (!base::place(descriptors[i].borrow(), numbers[i])) return errno;
    descriptors[i].reset();
    kept.push_back(numbers[i]);
  }
  for (base::UniqueFd* own : keep)
    if (own->valid()) kept.push_back(own->get());
  base::close_all_but(kept);
  return 0;
}

}  // namespace pml::worker
