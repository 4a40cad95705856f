#include "profile/program_rules.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "profile/near_miss.hpp"
#include "profile/size.hpp"
#include "profile/values.hpp"
#include "profile/words.hpp"

namespace pml::profile {

namespace {

constexpr unsigned k_most_workers = 100;
constexpr unsigned k_most_learned = 1000;
constexpr std::size_t k_most_programs = 1000;
constexpr std::size_t k_longest_name = 100;
constexpr std::array k_kinds = {TargetKind::entry_point, TargetKind::script, TargetKind::module};

bool is_bare(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

Program& program_named(Profile& profile, const std::string& name) {
  for (Program& program : profile.programs)
    if (program.name == name) return program;
  profile.programs.emplace_back().name = name;
  return profile.programs.back();
}

std::string checked_target(const Scope& scope, TargetKind kind, const Node& node) {
  if (kind == TargetKind::script) return expanded_path(scope, node);
  if (!expect_text(scope, node)) return {};
  if (node.text.empty() || has_control_character(node.text)) {
    scope.problem(node.at, in_quotes(scope.key) + " must be the name of one");
    return {};
  }
  if (kind == TargetKind::module && !is_dotted_name(node.text)) {
    scope.problem(node.at,
                  in_quotes(scope.key) + ": " + in_quotes(node.text) + " is not a module's name",
                  module_hint(node.text));
    return {};
  }
  return node.text;
}

// What a stronger file says the program is takes the place of what a weaker one said.
void set_target(const Scope& scope, TargetKind kind, const Member& member, Program& program,
                const Member*& earlier) {
  if (earlier != nullptr) {
    scope.problem(member.at, in_quotes(scope.key) + ": the program has \"" + earlier->key +
                                 "\" already, and is only one of them");
    return;
  }
  earlier = &member;
  std::string target = checked_target(scope, kind, member.value);
  if (target.empty()) return;
  for (const TargetKind other : k_kinds)
    std::erase_if(scope.draft.settings, [&](const Setting& setting) {
      return setting.key == dotted(program_key(program.name), name_of(other));
    });
  program.kind = kind;
  program.target = std::move(target);
  scope.set(member.value.at);
}

void unknown_key(const Scope& scope, const std::string& table, const Member& member) {
  const std::string_view meant =
      near_miss(member.key, {"entry-point", "script", "module", "workers"});
  scope.problem(member.at, "unknown key " + in_quotes(scope.key),
                meant.empty() ? "" : "did you mean " + in_quotes(dotted(table, meant)) + "?");
}

void set_program(const Scope& scope, const Member& table) {
  const std::string key = program_key(table.key);
  const Scope own{scope.draft, scope.file, key};
  if (table.key.empty() || table.key.size() > k_longest_name || has_control_character(table.key)) {
    own.problem(table.at, in_quotes(table.key) + " cannot be the name of a program");
    return;
  }
  if (!expect(own, table.value, Node::Type::table, "a table",
              "write [program.NAME] above the keys of a program"))
    return;
  Program& program = program_named(scope.draft.profile, table.key);
  own.set(table.at);
  const Member* target = nullptr;
  for (const Member& member : table.value.members) {
    const Scope inner{scope.draft, scope.file, dotted(key, member.key)};
    const auto kind = std::find_if(k_kinds.begin(), k_kinds.end(), [&](TargetKind candidate) {
      return name_of(candidate) == member.key;
    });
    if (kind != k_kinds.end())
      set_target(inner, *kind, member, program, target);
    else if (member.key == "workers")
      set_number(inner, member.value, 1, k_most_workers, program.workers);
    else
      unknown_key(inner, key, member);
  }
}

}  // namespace

std::string_view name_of(TargetKind kind) noexcept {
  return kind == TargetKind::script   ? "script"
         : kind == TargetKind::module ? "module"
                                      : "entry-point";
}

std::string_view name_of(Learnt learnt) noexcept {
  return learnt == Learnt::all ? "all" : learnt == Learnt::none ? "none" : "installed";
}

std::string program_key(std::string_view name) {
  const bool bare = !name.empty() && std::all_of(name.begin(), name.end(), is_bare);
  return "program." + (bare ? std::string(name) : in_quotes(name));
}

void set_programs(const Scope& scope, const Node& node) {
  if (!expect(scope, node, Node::Type::table, "a table of programs", "write [program.NAME]"))
    return;
  for (const Member& member : node.members) {
    if (scope.draft.profile.programs.size() >= k_most_programs) {
      scope.problem(member.at, "more than " + std::to_string(k_most_programs) + " programs");
      return;
    }
    set_program(scope, member);
  }
}

void set_learnt(const Scope& scope, const Node& node) {
  const std::size_t place = expect_one_of(scope, node, {"installed", "all", "none"});
  if (place == std::string::npos) return;
  scope.draft.profile.learning.programs =
      std::array{Learnt::installed, Learnt::all, Learnt::none}[place];
  scope.set(node.at);
}

void set_learn_memory(const Scope& scope, const Node& node) {
  std::string hint;
  if (node.type == Node::Type::integer) hint = "write \"" + std::to_string(node.number) + "\"";
  if (!expect(scope, node, Node::Type::text, "a string", hint)) return;
  const auto size = parse_size(node.text);
  if (!size) {
    scope.problem(
        node.at, in_quotes(scope.key) + ": " + in_quotes(node.text) + " is not an amount of memory",
        "write it as \"512M\" or \"2G\"");
    return;
  }
  scope.draft.profile.learning.memory = *size;
  scope.set(node.at);
}

void set_learn_most(const Scope& scope, const Node& node) {
  set_number(scope, node, 0, k_most_learned, scope.draft.profile.learning.most);
}

void check_programs(Draft& draft) {
  for (const Program& program : draft.profile.programs) {
    if (!program.target.empty()) continue;
    const std::string key = program_key(program.name);
    for (const Setting& setting : draft.settings)
      if (setting.key == key && draft.problems.empty())
        draft.problems.push_back({setting.file, setting.at.line, setting.at.column,
                                  in_quotes(key) + " does not say what the program is",
                                  "add \"entry-point\", \"script\" or \"module\""});
  }
}

}  // namespace pml::profile
