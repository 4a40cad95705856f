#include "profile/schema.hpp"

#include <algorithm>
#include <utility>

#include "profile/duration.hpp"
#include "profile/program_rules.hpp"
#include "profile/values.hpp"
#include "profile/words.hpp"

namespace pml::profile {

namespace {

using std::chrono::microseconds;

constexpr unsigned k_most_workers = 1000;
constexpr unsigned k_most_jobs = 100'000;
constexpr unsigned k_most_queued = 10'000;

void set_duration(const Scope& scope, const Node& node, microseconds least, microseconds& value) {
  std::string hint;
  if (node.type == Node::Type::integer) hint = "write \"" + std::to_string(node.number) + "s\"";
  if (!expect(scope, node, Node::Type::text, "a string", hint)) return;
  const auto duration = parse_duration(node.text);
  if (!duration) {
    scope.problem(node.at,
                  in_quotes(scope.key) + ": " + in_quotes(node.text) + " is not a time span",
                  "write it as \"500ms\", \"60s\", \"1min 30s\" or \"2h\"");
  } else if (*duration < least) {
    scope.problem(node.at,
                  in_quotes(scope.key) + " must be at least 1s, not " + in_quotes(node.text));
  } else {
    value = *duration;
    scope.set(node.at);
  }
}

using Check = std::string (*)(const Scope&, const Node&);

void forget(const Scope& scope, std::vector<std::string>& list) {
  list.clear();
  std::erase_if(scope.draft.settings,
                [&](const Setting& setting) { return setting.key.starts_with(scope.key + "["); });
}

// A list grows; an empty one, or an empty text in it, forgets what was there. `check` returns the
// item, or says what is wrong with it and returns an empty text.
void set_list(const Scope& scope, const Node& node, Check check, std::vector<std::string>& list) {
  std::string hint;
  if (node.type == Node::Type::text) hint = "write [" + in_quotes(node.text) + "]";
  if (!expect(scope, node, Node::Type::list, "a list of strings", hint)) return;
  if (node.items.empty()) forget(scope, list);
  for (const Node& item : node.items) {
    if (item.type == Node::Type::text && item.text.empty()) {
      forget(scope, list);
      continue;
    }
    std::string text = check(scope, item);
    if (text.empty() || std::find(list.begin(), list.end(), text) != list.end()) continue;
    Scope{scope.draft, scope.file, scope.key + "[" + text + "]"}.set(item.at);
    list.push_back(std::move(text));
  }
  scope.set(node.at);
}

std::string checked_path(const Scope& scope, const Node& node) {
  std::string path = expanded_path(scope, node);
  if (path.find(':') == std::string::npos) return path;
  scope.problem(node.at, in_quotes(scope.key) + ": " + in_quotes(path) +
                             " holds a colon, which separates the entries of PYTHONPATH");
  return {};
}

std::string checked_module(const Scope& scope, const Node& node) {
  if (!expect_text(scope, node)) return {};
  if (is_dotted_name(node.text)) return node.text;
  scope.problem(node.at,
                in_quotes(scope.key) + ": " + in_quotes(node.text) + " is not a module's name",
                module_hint(node.text));
  return {};
}

std::string checked_function(const Scope& scope, const Node& node) {
  if (!expect_text(scope, node)) return {};
  const std::string_view text = node.text;
  const std::size_t colon = text.find(':');
  if (colon != std::string_view::npos && is_dotted_name(text.substr(0, colon)) &&
      is_dotted_name(text.substr(colon + 1)) && text.find('.', colon) == std::string_view::npos)
    return node.text;
  scope.problem(node.at,
                in_quotes(scope.key) + ": " + in_quotes(text) + " is not a module and a function",
                "write it as \"module:function\"");
  return {};
}

// --- the keys

void set_description(const Scope& scope, const Node& node) {
  if (!expect_text(scope, node)) return;
  if (has_control_character(node.text)) {
    scope.problem(node.at, in_quotes(scope.key) + " must be one line of plain text");
    return;
  }
  scope.draft.profile.description = node.text;
  scope.set(node.at);
}

void set_interpreter(const Scope& scope, const Node& node) {
  std::string path = expanded_path(scope, node);
  if (path.empty()) return;
  scope.draft.profile.interpreter = std::move(path);
  scope.set(node.at);
}

void set_variable(const Scope& scope, const Member& member) {
  auto& environment = scope.draft.profile.environment;
  if (member.key.empty() ||
      member.key.find_first_of(std::string_view("=\0", 2)) != std::string::npos) {
    scope.problem(member.at, in_quotes(member.key) + " cannot be the name of a variable");
    return;
  }
  const Scope inner{scope.draft, scope.file, dotted(scope.key, member.key)};
  if (member.key.starts_with("PYTHON")) {
    inner.problem(member.at,
                  in_quotes(inner.key) + " would act on the programs too, which have their own",
                  member.key == "PYTHONPATH" ? "did you mean \"python.path\"?" : "");
    return;
  }
  if (!expect_text(inner, member.value)) return;
  const auto place =
      std::lower_bound(environment.begin(), environment.end(), member.key,
                       [](const auto& pair, const auto& key) { return pair.first < key; });
  if (place != environment.end() && place->first == member.key)
    place->second = member.value.text;
  else
    environment.emplace(place, member.key, member.value.text);
  inner.set(member.value.at);
}

void set_environment(const Scope& scope, const Node& node) {
  if (!expect(scope, node, Node::Type::table, "a table of strings")) return;
  if (node.members.empty()) {
    scope.draft.profile.environment.clear();
    std::erase_if(scope.draft.settings,
                  [](const Setting& setting) { return setting.key.starts_with("python.env."); });
    scope.set(node.at);
  }
  for (const Member& member : node.members) set_variable(scope, member);
}

void set_flag(const Scope& scope, const Node& node, bool& value) {
  std::string hint;
  if (node.type == Node::Type::text && (node.text == "true" || node.text == "false"))
    hint = "write " + node.text + " without quotes";
  if (!expect(scope, node, Node::Type::boolean, "true or false", hint)) return;
  value = node.flag;
  scope.set(node.at);
}

void set_cgroup(const Scope& scope, const Node& node) {
  const std::size_t place = expect_one_of(scope, node, {"service", "scope"});
  if (place == std::string::npos) return;
  scope.draft.profile.cgroup = place == 1 ? Cgroup::scope : Cgroup::service;
  scope.set(node.at);
}

void set_launch(const Scope& scope, const Node& node) {
  const std::size_t place = expect_one_of(
      scope, node,
      {name_of(Launch::worker), name_of(Launch::in_place), name_of(Launch::automatic)});
  if (place == std::string::npos) return;
  scope.draft.profile.launch = static_cast<Launch>(place);
  scope.set(node.at);
}

const std::vector<Rule> k_rules = {
    {"", "description", set_description},
    {"python", "interpreter", set_interpreter},
    {"python", "path",
     [](const Scope& s, const Node& n) { set_list(s, n, checked_path, s.draft.profile.path); }},
    {"python", "env", set_environment},
    {"preload", "modules",
     [](const Scope& s, const Node& n) {
       set_list(s, n, checked_module, s.draft.profile.modules);
     }},
    {"preload", "optional",
     [](const Scope& s, const Node& n) {
       set_list(s, n, checked_module, s.draft.profile.optional);
     }},
    {"preload", "after-fork",
     [](const Scope& s, const Node& n) {
       set_list(s, n, checked_module, s.draft.profile.after_fork);
     }},
    {"preload", "warmup",
     [](const Scope& s, const Node& n) {
       set_list(s, n, checked_function, s.draft.profile.warmup);
     }},
    {"pool", "workers",
     [](const Scope& s, const Node& n) {
       set_number(s, n, 1, k_most_workers, s.draft.profile.workers);
     }},
    {"pool", "spare",
     [](const Scope& s, const Node& n) {
       set_number(s, n, 1, k_most_workers, s.draft.profile.spare);
     }},
    {"pool", "max-jobs",
     [](const Scope& s, const Node& n) {
       set_number(s, n, 0, k_most_jobs, s.draft.profile.max_jobs);
     }},
    {"pool", "max-queue",
     [](const Scope& s, const Node& n) {
       set_number(s, n, 0, k_most_queued, s.draft.profile.max_queue);
     }},
    {"pool", "launch", set_launch},
    {"pool", "idle-exit",
     [](const Scope& s, const Node& n) {
       set_duration(s, n, microseconds(0), s.draft.profile.idle_exit);
     }},
    {"pool", "preload-timeout",
     [](const Scope& s, const Node& n) {
       set_duration(s, n, std::chrono::seconds(1), s.draft.profile.preload_timeout);
     }},
    {"watch", "sources",
     [](const Scope& s, const Node& n) { set_flag(s, n, s.draft.profile.watch_sources); }},
    {"watch", "imports",
     [](const Scope& s, const Node& n) { set_flag(s, n, s.draft.profile.watch_imports); }},
    {"job", "cgroup", set_cgroup},
    {"job", "log-command",
     [](const Scope& s, const Node& n) { set_flag(s, n, s.draft.profile.log_command); }},
    {"hints", "cold",
     [](const Scope& s, const Node& n) { set_flag(s, n, s.draft.profile.hint_cold); }},
    {"", "program", set_programs},
    {"learn", "programs", set_learnt},
    {"learn", "memory", set_learn_memory},
    {"learn", "most", set_learn_most},
    {"learn", "environments",
     [](const Scope& s, const Node& n) { set_flag(s, n, s.draft.profile.learning.environments); }},
};

}  // namespace

void Scope::problem(Position at, std::string message, std::string hint) const {
  draft.problems.push_back({file, at.line, at.column, std::move(message), std::move(hint)});
}

void Scope::set(Position at) const {
  std::erase_if(draft.settings, [this](const Setting& setting) { return setting.key == key; });
  draft.settings.push_back({key, file, at});
}

const std::vector<Rule>& rules() {
  return k_rules;
}

}  // namespace pml::profile
