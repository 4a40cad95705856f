#include "base/terminal_text.hpp"

namespace pml::base {

void take_out_returns(std::string& text) {
  std::size_t to = 0;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] != '\r' || i + 1 == text.size() || text[i + 1] != '\n') text[to++] = text[i];
  text.resize(to);
}

}  // namespace pml::base
