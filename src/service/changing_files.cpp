#include "service/changing_files.hpp"

#include <utility>

namespace pml::service {

namespace {

constexpr unsigned k_enough = 2;
/// Who serves more between two changes is worth its making.
constexpr std::uint64_t k_most_warm_between = 2;
constexpr std::size_t k_most_files = 16;
constexpr std::uint64_t k_hour_usec = 3600000000;

}  // namespace

bool ChangingFiles::changed(const std::string& file, std::uint64_t launches, std::uint64_t warm,
                            std::uint64_t now_usec) {
  const bool was_launched = launches != std::exchange(launches_, launches);
  const std::uint64_t served = warm - std::exchange(warm_, warm);
  if (!file.starts_with('/')) return false;  // no file, in words
  if (file != last_ || !was_launched || served > k_most_warm_between) in_a_row_ = 0;
  last_ = file;
  if (++in_a_row_ < k_enough) return false;
  std::erase_if(known_, [&](const Known& one) { return one.file == file; });
  if (known_.size() == k_most_files) known_.erase(known_.begin());
  known_.push_back({file, now_usec});
  return true;
}

std::vector<std::string> ChangingFiles::all(std::uint64_t now_usec) const {
  std::vector<std::string> files;
  for (const Known& one : known_)
    if (now_usec - one.since_usec < k_hour_usec) files.push_back(one.file);
  return files;
}

void ChangingFiles::forget() noexcept {
  *this = ChangingFiles();
}

}  // namespace pml::service
