#include "profile/profile.hpp"

#include <algorithm>
#include <utility>

#include "base/paths.hpp"
#include "profile/draft.hpp"
#include "profile/lookup.hpp"
#include "profile/words.hpp"

namespace pml::profile {

std::string name_of(Launch launch) {
  constexpr const char* k_names[] = {"worker", "in-place", "auto"};
  return k_names[static_cast<int>(launch)];
}

namespace {

constexpr std::string_view k_default = "default";
constexpr const char* k_built_in = "built in: nothing is preloaded";

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string result;
  for (const std::string& word : words) result += (result.empty() ? "" : between) + word;
  return result;
}

/// FNV-1a, with an end to each text.
std::uint64_t digest_of(std::uint64_t digest, std::string_view text) {
  for (const char c : text) digest = (digest ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return (digest ^ 0xff) * 0x100000001b3U;
}

// Whether what the file holds was understood, right or wrong.
bool merge_found(const Found& found, Draft& draft) {
  draft.profile.digest = digest_of(digest_of(draft.profile.digest, found.path), found.text);
  if (found.state == Found::State::readable) return merge_text(found.path, found.text, draft);
  draft.problems.push_back({found.path, 0, 0, "cannot be read: " + found.text, ""});
  return false;
}

// Where no file sets it rightly, the default counts, unless one may have meant another.
bool knows_interpreter(const Draft& draft, bool main_understood) {
  const std::string key = "python.interpreter";
  const auto sets = [&](const Setting& setting) { return setting.key == key; };
  const auto spoils = [&](const Problem& problem) {
    return problem.message.starts_with(in_quotes(key)) ||
           problem.hint.find(key) != std::string::npos;
  };
  if (std::any_of(draft.settings.begin(), draft.settings.end(), sets)) return true;
  return main_understood && std::none_of(draft.problems.begin(), draft.problems.end(), spoils);
}

Result merged(std::string_view name, const Found& main, const std::vector<std::string>& folders) {
  Draft draft;
  draft.profile.name = name;
  bool understood = true;
  if (main.state == Found::State::absent)
    draft.profile.description = k_built_in;
  else
    understood = merge_found(main, draft);
  for (const Found& found : find_drop_ins(folders, std::string(name) + ".toml.d"))
    static_cast<void>(merge_found(found, draft));
  if (draft.profile.digest == 0) draft.profile.digest = 1;  // built in
  finish(draft);
  const bool known = knows_interpreter(draft, understood);

  Result result;
  result.looked_in = folders;
  result.problems = std::move(draft.problems);
  if (!known) draft.profile.interpreter.clear();
  (result.problems.empty() ? result.profile : result.remains) = std::move(draft.profile);
  return result;
}

}  // namespace

std::string python_path(const Profile& profile, const char* current) {
  std::string value = joined(profile.path, ":");
  // An empty PYTHONPATH means none, while an empty entry in it means the current folder.
  if (current != nullptr && *current != '\0') value += std::string(":") + current;
  return value;
}

std::string Problem::one_line() const {
  std::string line_text = file;
  if (line != 0) line_text += ':' + std::to_string(line);
  if (line != 0 && column != 0) line_text += ':' + std::to_string(column);
  if (!line_text.empty()) line_text += ": ";
  line_text += message;
  if (!hint.empty()) line_text += " (" + hint + ')';
  std::replace_if(
      line_text.begin(), line_text.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return line_text;
}

std::string Result::one_line(std::string_view name) const {
  if (good()) return {};
  if (!masked_by.empty()) return "profile " + in_quotes(name) + " is masked by " + masked_by;
  if (not_found())
    return "profile " + in_quotes(name) + " not found (looked in " + joined(looked_in, ", ") + ')';
  std::string line = problems.front().one_line();
  const std::size_t more = problems.size() - 1;
  if (more > 0) line += " (and " + std::to_string(more) + " more)";
  return line;
}

Result load(std::string_view name, const std::vector<std::string>& folders) {
  Result result;
  result.looked_in = folders;
  if (!base::valid_profile_name(name)) {
    result.problems.push_back({"", 0, 0, in_quotes(name) + " cannot be the name of a profile", ""});
    return result;
  }
  const Found main = find_file(folders, std::string(name) + ".toml");
  if (main.state == Found::State::masked) result.masked_by = main.path;
  if (main.state == Found::State::masked) return result;
  if (main.state == Found::State::absent && name != k_default) return result;
  return merged(name, main, folders);
}

std::vector<Listed> list(const std::vector<std::string>& folders) {
  std::vector<std::string> names = find_names(folders);
  if (std::find(names.begin(), names.end(), k_default) == names.end())
    names.insert(std::lower_bound(names.begin(), names.end(), k_default), std::string(k_default));
  std::vector<Listed> listed;
  for (const std::string& name : names) {
    const Result result = load(name, folders);
    if (result.not_found()) continue;
    const Found main = find_file(folders, name + ".toml");
    listed.push_back(
        {name, main.path, result.good() ? result.profile->description : "", result.good()});
  }
  return listed;
}

}  // namespace pml::profile
