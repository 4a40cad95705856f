#include "ctl/console_script.hpp"

#include <algorithm>
#include <array>
#include <sstream>

namespace pml::ctl {

namespace {

std::string_view first_line(std::string_view script) {
  return script.substr(0, script.find('\n'));
}

std::string_view name_of(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

bool is_always_there(const std::string& name) {
  static constexpr std::array<std::string_view, 5> k_common = {"sys", "re", "os", "importlib",
                                                               "__future__"};
  return std::find(k_common.begin(), k_common.end(), name.substr(0, name.find('.'))) !=
         k_common.end();
}

}  // namespace

std::optional<FirstLine> python_first_line(std::string_view script) {
  const std::string_view line = first_line(script);
  if (!line.starts_with("#!")) return std::nullopt;
  std::istringstream words{std::string(line.substr(2))};
  std::string word, option;
  words >> word;
  if (name_of(word) == "env") words >> word;
  if (!name_of(word).starts_with("python")) return std::nullopt;
  return FirstLine{word, static_cast<bool>(words >> option)};
}

bool may_be_python(std::string_view text) {
  if (text.starts_with("\177ELF")) return false;
  if (!text.starts_with("#!")) return true;
  std::istringstream words{std::string(first_line(text).substr(2))};
  for (std::string word; words >> word;)
    if (name_of(word).starts_with("python") || name_of(word) == "pml") return true;
  return false;
}

std::vector<std::string> imported_modules(std::string_view script) {
  std::vector<std::string> modules;
  std::istringstream lines{std::string(script)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string first, name;
    if (line.starts_with(' ') || !(words >> first >> name)) continue;
    if (first != "from" && first != "import") continue;
    name = name.substr(0, name.find(','));
    if (name.starts_with('.') || is_always_there(name)) continue;
    if (std::find(modules.begin(), modules.end(), name) == modules.end()) modules.push_back(name);
  }
  return modules;
}

std::string launcher_text(std::string_view script, const std::string& pml,
                          const std::string& profile) {
  // The kernel passes what follows the program as one word.
  return "#!" + pml + " -p" + profile + std::string(script.substr(first_line(script).size()));
}

bool is_launcher(std::string_view script, const std::string& profile) {
  return first_line(script).starts_with("#!/") && first_line(script).ends_with("/pml -p" + profile);
}

}  // namespace pml::ctl
