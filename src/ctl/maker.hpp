#pragma once

#include <string>
#include <string_view>

namespace pml::ctl {

/// The first line of a file that the verb `maker` of pmlctl writes, so that it can be taken back.
[[nodiscard]] inline std::string mark_of(std::string_view maker) {
  return "# written by pmlctl " + std::string(maker) + "\n";
}

/// Which verb has written a file that begins like `text`; empty: somebody else.
[[nodiscard]] inline std::string maker_of(std::string_view text) {
  const std::string any = mark_of({});
  const std::string_view beginning = std::string_view(any).substr(0, any.size() - 1);
  if (!text.starts_with(beginning)) return {};
  return std::string(text.substr(beginning.size(), text.find('\n') - beginning.size()));
}

}  // namespace pml::ctl
