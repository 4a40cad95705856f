#include <algorithm>
#include <functional>

#include "base/paths.hpp"
#include "ctl/command.hpp"
#include "ctl/json.hpp"
#include "ctl/service.hpp"
#include "ctl/table.hpp"
#include "ctl/toml_text.hpp"
#include "ctl/units.hpp"
#include "profile/profile.hpp"

namespace pml::ctl {

namespace {

struct Value {
  std::string key;
  Json value;
};

std::string span_text(std::chrono::microseconds span) {
  return span.count() == 0             ? "0"
         : span.count() % 1000000 == 0 ? std::to_string(span.count() / 1000000) + "s"
                                       : std::to_string(span.count()) + "us";
}

std::string size_words(std::uint64_t bytes) {
  constexpr std::uint64_t mebi = 1 << 20;
  return bytes % mebi == 0 ? std::to_string(bytes / mebi) + "M" : std::to_string(bytes);
}

std::vector<Value> values_of(const profile::Profile& profile) {
  Json environment = Json::object();
  for (const auto& [name, value] : profile.environment) environment[name] = value;
  std::vector<Value> values = {
      {"description", profile.description},
      {"python.interpreter", profile.interpreter},
      {"python.path", profile.path},
      {"python.env", environment},
      {"preload.modules", profile.modules},
      {"preload.optional", profile.optional},
      {"preload.after-fork", profile.after_fork},
      {"preload.warmup", profile.warmup},
      {"pool.workers", profile.workers},
      {"pool.spare", profile.spare},
      {"pool.max-jobs", profile.max_jobs},
      {"pool.max-queue", profile.max_queue},
      {"pool.launch", profile::name_of(profile.launch)},
      {"pool.idle-exit", span_text(profile.idle_exit)},
      {"pool.preload-timeout", span_text(profile.preload_timeout)},
      {"watch.sources", profile.watch_sources},
      {"watch.imports", profile.watch_imports},
      {"job.cgroup", profile.cgroup == profile::Cgroup::scope ? "scope" : "service"},
      {"job.log-command", profile.log_command},
      {"hints.cold", profile.hint_cold},
      {"learn.programs", profile::name_of(profile.learning.programs)},
      {"learn.memory", size_words(profile.learning.memory)},
      {"learn.most", profile.learning.most},
      {"learn.environments", profile.learning.environments}};
  for (const profile::Program& program : profile.programs) {
    const std::string key = profile::program_key(program.name) + ".";
    values.push_back({key + std::string(profile::name_of(program.kind)), program.target});
    values.push_back({key + "workers", program.workers});
  }
  return values;
}

std::string file_of(const profile::Profile& profile, const std::string& key) {
  std::string file;
  for (const profile::Origin& origin : profile.provenance)
    if (origin.key == key || origin.key.starts_with(key + ".")) file = origin.file;
  return file;
}

std::string note(const std::string& file) {
  return coloured("  # " + (file.empty() ? "default" : file), Colour::faint) + "\n";
}

/// The files of a list's items, or of a table's members, where they are not all the same.
std::vector<std::string> files_of_parts(const profile::Profile& profile, const Value& item) {
  std::vector<std::string> files;
  if (item.value.is_array())
    for (const Json& part : item.value)
      files.push_back(file_of(profile, item.key + "[" + part.get<std::string>() + "]"));
  if (item.value.is_object())
    for (const auto& [name, part] : item.value.items())
      files.push_back(file_of(profile, item.key + "." + name));
  if (std::adjacent_find(files.begin(), files.end(), std::not_equal_to<>()) == files.end())
    return {};
  return files;
}

std::string toml_of(const Json& value) {
  if (value.is_string()) return toml_text(value.get<std::string>());
  if (value.is_array()) return toml_list(value.get<std::vector<std::string>>());
  if (!value.is_object()) return value.dump();
  std::string text;
  for (const auto& [name, content] : value.items())
    text += (text.empty() ? "" : ", ") + toml_text(name) + " = " +
            toml_text(content.get<std::string>());
  return text.empty() ? "{}" : "{ " + text + " }";
}

/// Each item on a line of its own, with the file it comes from.
std::string list_of_parts(const Json& value, const std::vector<std::string>& files) {
  std::string text = "[\n";
  for (std::size_t i = 0; i < files.size(); ++i)
    text += "  " + toml_text(value[i].get<std::string>()) + "," + note(files[i]);
  return text + "]\n";
}

/// [python.env] with each variable on a line of its own.
std::string table_of_parts(const Value& item, const std::vector<std::string>& files) {
  std::string text;
  std::size_t i = 0;
  for (const auto& [name, content] : item.value.items())
    text += item.key.substr(item.key.rfind('.') + 1) + "." + toml_text(name) + " = " +
            toml_text(content.get<std::string>()) + note(files[i++]);
  return text;
}

std::string text_of(const profile::Profile& profile) {
  std::string text;
  for (const std::string& file : profile.files) text += coloured("# " + file, Colour::faint) + "\n";
  if (profile.files.empty()) text += coloured("# built in", Colour::faint) + "\n";
  std::string section;
  for (const Value& item : values_of(profile)) {
    const std::size_t dot = item.key.rfind('.');
    const std::string here = dot == std::string::npos ? "" : item.key.substr(0, dot);
    if (here != section) text += "\n" + coloured("[" + here + "]", Colour::bold) + "\n";
    section = here;
    const std::string name = item.key.substr(dot == std::string::npos ? 0 : dot + 1);
    const std::vector<std::string> files = files_of_parts(profile, item);
    if (files.empty())
      text += name + " = " + toml_of(item.value) + note(file_of(profile, item.key));
    else if (item.value.is_object())
      text += table_of_parts(item, files);
    else
      text += name + " = " + list_of_parts(item.value, files);
  }
  return text;
}

}  // namespace

int show(const Options& options) {
  const std::string name = profile_of(options);
  require_profile(name);
  const profile::Profile profile = *profile::load(name, base::profile_folders()).profile;
  if (!options.json) {
    print(text_of(profile), options.pager);
    return 0;
  }
  Json json = Json::object();
  json["profile"] = name;
  json["files"] = profile.files;
  for (const Value& item : values_of(profile)) {
    Json& member = json["values"][item.key];
    member["value"] = item.value;
    const std::string file = file_of(profile, item.key);
    if (!file.empty()) member["file"] = file;
    if (const auto files = files_of_parts(profile, item); !files.empty()) member["files"] = files;
  }
  print_json(Json::array({json}));
  return 0;
}

}  // namespace pml::ctl
