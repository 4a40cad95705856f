#include "trial/result.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace pml::trial {

namespace {

using Json = nlohmann::json;

constexpr std::array<std::pair<Outcome, const char*>, 7> k_outcomes = {{
    {Outcome::ended, "ended"},
    {Outcome::stopped, "stopped"},
    {Outcome::exited, "exited"},
    {Outcome::died, "died"},
    {Outcome::timed_out, "timed-out"},
    {Outcome::too_large, "too-large"},
    {Outcome::unavailable, "unavailable"},
}};

Outcome outcome_of(const std::string& text) {
  for (const auto& [outcome, name] : k_outcomes)
    if (text == name) return outcome;
  return Outcome::unavailable;
}

}  // namespace

// Found by nlohmann's library under these names.
static void to_json(Json& json, const Asked& asked) {
  json = {
      {"call", asked.call}, {"what", asked.what}, {"path", asked.path}, {"module", asked.module}};
}

static void from_json(const Json& json, Asked& asked) {
  asked = {json.at("call"), json.at("what"), json.at("path"), json.at("module")};
}

static void to_json(Json& json, const AskedLibrary& asked) {
  json = {{"kind", asked.kind},
          {"name", asked.name},
          {"library", asked.library},
          {"module", asked.module}};
}

static void from_json(const Json& json, AskedLibrary& asked) {
  asked = {json.at("kind"), json.at("name"), json.at("library"), json.at("module")};
}

const char* name_of(Outcome outcome) {
  for (const auto& [known, name] : k_outcomes)
    if (known == outcome) return name;
  return "?";
}

std::string json_of(const Result& result) {
  Json json = {{"outcome", name_of(result.outcome)},
               {"text", result.text},
               {"status", result.status},
               {"own", result.own},
               {"facts", result.facts},
               {"files", result.files},
               {"folders", result.folders},
               {"missing", result.missing},
               {"library", result.library},
               {"recorded", result.recorded},
               {"seconds", result.seconds},
               {"cpu-seconds", result.cpu_seconds},
               {"max-rss", result.max_rss}};
  if (result.stop) json["stop"] = *result.stop;
  // Names of files may be of any bytes.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<Result> result_of(const std::string& text) try {
  const Json json = Json::parse(text);
  Result result;
  result.outcome = outcome_of(json.at("outcome"));
  json.at("text").get_to(result.text);
  json.at("status").get_to(result.status);
  if (json.contains("stop")) result.stop = json.at("stop").get<Asked>();
  json.at("own").get_to(result.own);
  json.at("facts").get_to(result.facts);
  json.at("files").get_to(result.files);
  json.at("folders").get_to(result.folders);
  json.at("missing").get_to(result.missing);
  json.at("library").get_to(result.library);
  json.at("recorded").get_to(result.recorded);
  json.at("seconds").get_to(result.seconds);
  json.at("cpu-seconds").get_to(result.cpu_seconds);
  json.at("max-rss").get_to(result.max_rss);
  return result;
} catch (const Json::exception&) {
  return std::nullopt;
}

}  // namespace pml::trial
