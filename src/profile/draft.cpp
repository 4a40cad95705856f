#include "profile/draft.hpp"

#include <algorithm>
#include <cstdlib>

#include "base/python_search.hpp"
#include "profile/near_miss.hpp"
#include "profile/program_rules.hpp"
#include "profile/schema.hpp"
#include "profile/words.hpp"

namespace pml::profile {

namespace {

using Words = std::vector<std::string_view>;

constexpr std::size_t k_most_listed = std::size_t{100} * 1024;
constexpr std::size_t k_item_overhead = 5;

const Rule* find_rule(std::string_view section, std::string_view key) {
  for (const Rule& rule : rules())
    if (rule.section == section && rule.key == key) return &rule;
  return nullptr;
}

bool is_section(std::string_view word) {
  return !word.empty() && std::any_of(rules().begin(), rules().end(),
                                      [&](const Rule& rule) { return rule.section == word; });
}

bool is_table(std::string_view word) {
  return is_section(word) || word == "program";
}

Words keys_of(std::string_view section) {
  Words keys;
  for (const Rule& rule : rules()) {
    if (rule.section == section) keys.push_back(rule.key);
    if (section.empty() && !rule.section.empty() && (keys.empty() || keys.back() != rule.section))
      keys.push_back(rule.section);
  }
  return keys;
}

// The dotted key that was probably meant: a neighbour, or the same word in another table.
std::string meant_by(std::string_view section, const Member& member) {
  const std::string_view key = member.key;
  if (section.empty() && member.value.type == Node::Type::table)
    if (const auto meant = near_miss(key, keys_of(section)); is_table(meant))
      return std::string(meant);
  for (const Rule& rule : rules())
    if (rule.key == key) return dotted(rule.section, rule.key);
  if (const auto meant = near_miss(key, keys_of(section)); !meant.empty())
    return dotted(section, meant);
  Words all;
  for (const Rule& rule : rules()) all.push_back(rule.key);
  const std::string_view meant = near_miss(key, all);
  for (const Rule& rule : rules())
    if (!meant.empty() && rule.key == meant) return dotted(rule.section, rule.key);
  return {};
}

void unknown(const Scope& scope, std::string_view section, const Member& member) {
  const std::string meant = meant_by(section, member);
  scope.problem(member.at, "unknown key " + in_quotes(dotted(section, member.key)),
                meant.empty() ? "" : "did you mean " + in_quotes(meant) + "?");
}

void merge_member(const std::string& file, std::string_view section, const Member& member,
                  Draft& draft) {
  const Scope scope{draft, file, dotted(section, member.key)};
  if (const Rule* rule = find_rule(section, member.key)) {
    rule->apply(scope, member.value);
  } else if (!section.empty() || !is_section(member.key)) {
    unknown(scope, section, member);
  } else if (member.value.type != Node::Type::table) {
    scope.problem(member.value.at,
                  in_quotes(member.key) + " must be a table, not " + member.value.type_name,
                  "write [" + member.key + "]");
  } else {
    for (const Member& inner : member.value.members) merge_member(file, member.key, inner, draft);
  }
}

const Setting* find_setting(const Draft& draft, std::string_view key) {
  for (const Setting& setting : draft.settings)
    if (setting.key == key) return &setting;
  return nullptr;
}

void settle_spare(Draft& draft) {
  Profile& profile = draft.profile;
  if (profile.spare <= profile.workers) return;
  const Setting* setting = find_setting(draft, "pool.spare");
  if (setting == nullptr) {
    profile.spare = profile.workers;
    return;
  }
  draft.problems.push_back({setting->file, setting->at.line, setting->at.column,
                            "\"pool.spare\" (" + std::to_string(profile.spare) +
                                ") must not be more than \"pool.workers\" (" +
                                std::to_string(profile.workers) + ")",
                            ""});
}

// Removes from `list` what `stronger` has.
void remove_all(std::vector<std::string>& list, const std::vector<std::string>& stronger) {
  std::erase_if(list, [&](const std::string& item) {
    return std::find(stronger.begin(), stronger.end(), item) != stronger.end();
  });
}

// The preload list crosses to the zygote in one packet.
void limit_lists(Draft& draft) {
  const Profile& profile = draft.profile;
  std::size_t size = 0;
  for (const auto* list :
       {&profile.path, &profile.modules, &profile.optional, &profile.after_fork, &profile.warmup})
    for (const std::string& item : *list) size += item.size() + k_item_overhead;
  if (size > k_most_listed)
    draft.problems.push_back({profile.files.back(), 0, 0,
                              "the lists of all files are together longer than " +
                                  std::to_string(k_most_listed) + " bytes",
                              ""});
}

// Absolute, because a service has no current folder that its callers know.
void choose_interpreter(Draft& draft) {
  constexpr const char* k_key = "python.interpreter";
  Profile& profile = draft.profile;
  profile.names_interpreter = find_setting(draft, k_key) != nullptr;
  const char* chosen = std::getenv(base::k_python_variable);
  if (profile.names_interpreter || chosen == nullptr || *chosen == '\0') return;
  if (*chosen == '/') {
    profile.interpreter = chosen;
    profile.provenance.push_back({k_key, std::string("$") + base::k_python_variable});
  } else {
    draft.problems.push_back({"", 0, 0,
                              in_quotes(k_key) + ": the variable " + base::k_python_variable +
                                  " is " + in_quotes(chosen) + ", not an absolute path",
                              ""});
  }
}

}  // namespace

bool merge_text(const std::string& file, std::string_view text, Draft& draft) {
  const std::size_t problems = draft.problems.size();
  const Node root = parse_text(file, text, draft.problems);
  const bool understood = draft.problems.size() == problems;
  for (const Member& member : root.members) merge_member(file, "", member, draft);
  draft.profile.files.push_back(file);
  return understood;
}

void finish(Draft& draft) {
  Profile& profile = draft.profile;
  settle_spare(draft);
  check_programs(draft);
  limit_lists(draft);
  remove_all(profile.modules, profile.after_fork);
  remove_all(profile.optional, profile.after_fork);
  remove_all(profile.optional, profile.modules);
  for (const Setting& setting : draft.settings)
    profile.provenance.push_back({setting.key, setting.file});
  choose_interpreter(draft);
}

}  // namespace pml::profile
