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

std::vector<Value> values_of(const profile::Profile& profile) {
  Json environment = Json::object();
  for (const auto& [name, value] : profile.environment) environment[name] = value;
  return {{"description", profile.description},
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
          {"pool.idle-exit", span_text(profile.idle_exit)},
          {"pool.preload-timeout", span_text(profile.preload_timeout)},
          {"watch.sources", profile.watch_sources},
          {"job.cgroup", profile.cgroup == profile::Cgroup::scope ? "scope" : "service"}};
}

std::string file_of(const profile::Profile& profile, const std::string& key) {
  std::string file;
  for (const profile::Origin& origin : profile.provenance)
    if (origin.key == key || origin.key.starts_with(key + ".")) file = origin.file;
  return file;
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

std::string text_of(const profile::Profile& profile) {
  std::string text;
  for (const std::string& file : profile.files) text += coloured("# " + file, Colour::faint) + "\n";
  if (profile.files.empty()) text += coloured("# built in", Colour::faint) + "\n";
  std::string section;
  for (const Value& item : values_of(profile)) {
    const std::size_t dot = item.key.find('.');
    const std::string here = dot == std::string::npos ? "" : item.key.substr(0, dot);
    if (here != section) text += "\n" + coloured("[" + here + "]", Colour::bold) + "\n";
    section = here;
    const std::string file = file_of(profile, item.key);
    text += item.key.substr(dot == std::string::npos ? 0 : dot + 1) + " = " + toml_of(item.value) +
            coloured("  # " + (file.empty() ? "default" : file), Colour::faint) + "\n";
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
  }
  print_json(json);
  return 0;
}

}  // namespace pml::ctl
