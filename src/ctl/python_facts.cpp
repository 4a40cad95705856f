#include "ctl/python_facts.hpp"

#include <unistd.h>

#include <sstream>
#include <system_error>

#include "base/paths.hpp"
#include "ctl/process.hpp"

namespace pml::ctl {

std::string PythonFacts::module() const {
  for (const std::string& folder : base::module_folders()) {
    std::string file = folder + "/_pml_zygote." + abi + ".so";
    if (::access(file.c_str(), R_OK) == 0) return file;
  }
  return {};
}

std::optional<PythonFacts> facts_of(const std::string& path) {
  constexpr const char* k_question =
      "import _imp, sys, sysconfig\n"
      "print(_imp.extension_suffixes()[0][1:-3], sys.version.split()[0], sys.prefix, "
      "sysconfig.get_path('include'), sep='\\n')";
  try {
    const Outcome asked = run({{path, "-c", k_question}, {}, Output::keep, Output::discard, true});
    if (!asked.good()) return std::nullopt;
    std::istringstream lines(asked.standard_output);
    PythonFacts facts;
    for (std::string* line : {&facts.abi, &facts.version, &facts.prefix, &facts.headers})
      std::getline(lines, *line);
    if (facts.headers.empty()) return std::nullopt;
    return facts;
  } catch (const std::system_error&) {
    return std::nullopt;
  }
}

}  // namespace pml::ctl
