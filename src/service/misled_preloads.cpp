#include "service/misled_preloads.hpp"

#include <algorithm>

namespace pml::service {

bool MisledPreloads::note(std::string_view module, std::string_view variable) {
  if (renounced_.contains(module)) return false;  // of a worker from before
  const std::size_t equals = variable.find('=');
  const std::string name(variable.substr(0, equals));
  const auto has_come = [this](std::string_view what, unsigned enough) {
    return ++counts_.try_emplace(std::string(what), 0).first->second >= std::max(enough, served_);
  };
  if (has_come(module, k_to_renounce)) {
    renounced_.emplace(module, name.empty() ? "programs differ in what it asks of the process"
                                            : "it reads " + name + ", which programs differ in");
    return true;
  }
  if (!may_follow_callers(name) || followed_.contains(name)) return false;
  if (!has_come(variable, k_to_follow)) return false;
  followed_[name] = equals == std::string_view::npos
                        ? std::nullopt
                        : std::optional<std::string>(variable.substr(equals + 1));
  return true;
}

void MisledPreloads::note_served() {
  constexpr unsigned k_remembered = 100;
  if (++served_ < k_remembered) return;
  served_ /= 2;
  for (auto& [what, count] : counts_) count /= 2;
}

void MisledPreloads::apply_to(Variables& environment) const {
  for (const auto& [name, value] : followed_) {
    std::erase_if(environment, [start = name + "="](const std::string& variable) {
      return variable.starts_with(start);
    });
    if (value) environment.push_back(name + "=" + *value);
  }
}

}  // namespace pml::service
