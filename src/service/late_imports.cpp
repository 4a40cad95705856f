#include "service/late_imports.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include "profile/words.hpp"

namespace pml::service {

namespace {

constexpr std::size_t k_most_bytes = 64U << 10;  // more than a job sends
constexpr std::size_t k_most_names = 4096;
constexpr std::size_t k_longest_name = 200;
constexpr int k_most_at_once = 64;

}  // namespace

void LateImports::open() {
  if (listening() || !told_.open()) return;
  watch_ = event::Io(loop_, told_.socket(), EPOLLIN, [this](std::uint32_t) { readable(); });
  watch_.set_priority(event::k_priority_last);
}

void LateImports::close() {
  watch_.reset();
  told_.close();
}

void LateImports::readable() {
  static std::vector<char> buffer(k_most_bytes);
  for (int i = 0; i < k_most_at_once; ++i) {
    const auto datagram = told_.receive(buffer);
    if (!datagram) return;
    take(buffer.data(), datagram->size);
  }
}

void LateImports::take(const char* bytes, std::size_t size) {
  std::string_view text(bytes, size);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view name = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (name.size() > k_longest_name || !profile::is_dotted_name(name)) continue;
    const auto [place, fresh] = places_.try_emplace(std::string(name), counts_.size());
    if (!fresh)
      ++counts_[place->second].jobs;
    else if (counts_.size() < k_most_names)
      counts_.push_back({place->first, 1});
    else
      places_.erase(place);
  }
}

}  // namespace pml::service
