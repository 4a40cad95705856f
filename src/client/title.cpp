#include "client/title.hpp"

#include <cstring>

namespace pml::client {

void hide_words(std::span<const char* const> words) noexcept {
  for (std::size_t i = 1; i < words.size(); ++i) {
    auto* const word = const_cast<char*>(words[i]);
    std::memset(word, 0, std::strlen(word));
  }
}

}  // namespace pml::client
