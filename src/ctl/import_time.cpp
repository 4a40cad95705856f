#include "ctl/import_time.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

namespace pml::ctl {

namespace {

constexpr std::string_view k_mark = "import time:";

std::uint64_t number_in(std::string_view text) noexcept {
  std::uint64_t number = 0;
  const std::size_t begin = std::min(text.find_first_not_of(' '), text.size());
  std::from_chars(text.data() + begin, text.data() + text.size(), number);
  return number;
}

/// Modules are written when they are done, the inner ones before the outer: what is deeper and not
/// taken yet belongs to the next one further out.
class Nest {
 public:
  void add(std::size_t depth, Import import) {
    if (levels_.size() <= depth + 1) levels_.resize(depth + 2);
    import.inner = std::exchange(levels_[depth + 1], {});
    levels_[depth].push_back(std::move(import));
  }
  std::vector<Import> take() {
    std::vector<Import> all;
    for (auto& level : levels_) std::move(level.begin(), level.end(), std::back_inserter(all));
    return all;
  }

 private:
  std::vector<std::vector<Import>> levels_;
};

bool take_line(Nest& nest, std::string_view line) {
  if (!line.starts_with(k_mark)) return false;
  const std::size_t first = line.find('|');
  const std::size_t second = line.find('|', first + 1);
  if (second == std::string_view::npos) return false;
  const std::string_view name = line.substr(second + 1);
  const std::size_t indent = name.find_first_not_of(' ');
  if (indent == std::string_view::npos || name.substr(indent) == "imported package") return true;
  nest.add((indent - 1) / 2, {std::string(name.substr(indent)),
                              number_in(line.substr(k_mark.size(), first - k_mark.size())),
                              number_in(line.substr(first + 1, second - first - 1)),
                              {}});
  return true;
}

void gather(const std::vector<Import>& imports, const std::set<std::string>& preloadable,
            std::uint64_t least, std::vector<Import>& found) {
  for (const Import& import : imports) {
    if (import.cumulative_usec < least) continue;
    if (preloadable.contains(first_part(import.name)))
      found.push_back(import);
    else
      gather(import.inner, preloadable, least, found);
  }
}

}  // namespace

ImportReport parse_import_time(std::string_view text) {
  ImportReport report;
  Nest nest;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1);
    const std::string_view line = text.substr(0, end + 1);
    if (!take_line(nest, line.ends_with('\n') ? line.substr(0, end) : line)) report.rest += line;
    text.remove_prefix(end + 1);
  }
  report.imports = nest.take();
  return report;
}

std::vector<Import> worth_preloading(const std::vector<Import>& imports,
                                     const std::set<std::string>& preloadable,
                                     std::uint64_t least_usec) {
  std::vector<Import> found;
  gather(imports, preloadable, least_usec, found);
  std::stable_sort(found.begin(), found.end(), [](const Import& a, const Import& b) {
    return a.cumulative_usec > b.cumulative_usec;
  });
  return found;
}

std::string first_part(const std::string& name) {
  return name.substr(0, name.find('.'));
}

void collect_names(const std::vector<Import>& imports, std::set<std::string>& names) {
  for (const Import& import : imports) {
    names.insert(import.name);
    collect_names(import.inner, names);
  }
}

void collect_first_parts(const std::vector<Import>& imports, std::set<std::string>& names) {
  for (const Import& import : imports) {
    names.insert(first_part(import.name));
    collect_first_parts(import.inner, names);
  }
}

}  // namespace pml::ctl
