#include "service/chosen_python.hpp"

#include <cstdlib>

#include "base/python_search.hpp"

namespace pml::service {

std::string_view chosen_python() {
  const char* value = std::getenv(base::k_python_variable);
  return value != nullptr ? value : "";
}

std::string_view chosen_python_of(const wire::Request& request) {
  const std::string_view name = base::k_python_variable;
  for (const std::string_view item : request.environment)
    if (item.starts_with(name) && item.substr(name.size()).starts_with('='))
      return item.substr(name.size() + 1);
  return {};
}

}  // namespace pml::service
