#include "trial/preload_result.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/paths.hpp"

namespace pml::trial {

namespace {

using Json = nlohmann::json;

/// Another one's file is not read.
constexpr int k_version = 1;

Json json_of(const PreloadResult& result) {
  Json heard = Json::array();
  for (const Heard& one : result.heard)
    heard.push_back({static_cast<int>(one.kind), one.module, one.library, one.name});
  return {{"version", k_version},       {"pml", PML_VERSION}, {"key", result.key},
          {"files", result.files},      {"heard", heard},     {"verified", result.verified},
          {"observed", result.observed}};
}

std::optional<PreloadResult> result_of(const Json& json) {
  if (json.at("version") != k_version || json.at("pml") != PML_VERSION) return std::nullopt;
  PreloadResult result;
  json.at("key").get_to(result.key);
  json.at("files").get_to(result.files);
  json.at("observed").get_to(result.observed);
  json.at("verified").get_to(result.verified);
  for (const Json& one : json.at("heard"))
    result.heard.push_back(
        {static_cast<RecordKind>(one.at(0).get<int>()), one.at(1), one.at(2), one.at(3)});
  return result;
}

}  // namespace

bool PreloadResult::covers(const std::set<std::string>& others) const {
  return std::all_of(others.begin(), others.end(), [this](const std::string& file) {
    return file.find(".so") == std::string::npos || file.find('*') != std::string::npos ||
           files.contains(file);
  });
}

PreloadResults::PreloadResults(const std::string& profile) {
  const std::string state = base::state_folder();
  if (state.empty() || !base::valid_profile_name(profile)) return;
  folder_ = state + "/pml/preloads";
  file_ = folder_ + "/" + profile + ".json";
}

std::optional<PreloadResult> PreloadResults::find(const std::string& key) const {
  if (file_.empty()) return std::nullopt;
  try {
    std::ifstream file(file_);
    if (!file) return std::nullopt;
    auto result = result_of(Json::parse(file));
    if (!result || result->key != key || !unchanged(result->files)) return std::nullopt;
    return result;
  } catch (const Json::exception&) {
    return std::nullopt;  // half written, or somebody else's
  }
}

void PreloadResults::keep(const PreloadResult& result) const noexcept try {
  if (file_.empty() || base::prepare_private_folder(folder_)) return;
  const std::string fresh = file_ + "." + std::to_string(::getpid());
  {
    std::ofstream file(fresh);
    file << json_of(result).dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
    if (!file.flush()) {
      ::unlink(fresh.c_str());
      return;
    }
  }
  if (::rename(fresh.c_str(), file_.c_str()) != 0) ::unlink(fresh.c_str());
} catch (const std::exception&) {
  // The disk or the memory is full.
}

}  // namespace pml::trial
