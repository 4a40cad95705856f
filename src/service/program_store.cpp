#include "service/program_store.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/paths.hpp"

namespace pml::service {

namespace {

using Json = nlohmann::json;

/// A file of another version is not read.
constexpr int k_version = 1;
constexpr std::streamoff k_most_bytes = 16 << 20;

std::string hex(const std::string& bytes) {
  static constexpr char k_digits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text.push_back(k_digits[static_cast<unsigned char>(c) >> 4]);
    text.push_back(k_digits[static_cast<unsigned char>(c) & 15]);
  }
  return text;
}

/// Paths are bytes and need not be UTF-8; what is not goes as {"hex": …}.
Json text_json(const std::string& text) {
  try {
    Json json = text;
    static_cast<void>(json.dump());
    return json;
  } catch (const Json::exception&) {
    return {{"hex", hex(text)}};
  }
}

std::string text_of(const Json& json) {
  if (json.is_string()) return json.get<std::string>();
  const auto digits = json.at("hex").get<std::string>();
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  return bytes;
}

Json texts_json(const std::vector<std::string>& texts) {
  Json json = Json::array();
  for (const std::string& text : texts) json.push_back(text_json(text));
  return json;
}

std::vector<std::string> texts_of(const Json& json) {
  std::vector<std::string> texts;
  for (const Json& item : json) texts.push_back(text_of(item));
  return texts;
}

Json json_of(const ahead::Identity& identity) {
  return {identity.exists, identity.device,   identity.inode,
          identity.size,   identity.modified, identity.changed};
}

ahead::Identity identity_of(const Json& json) {
  return {json.at(0), json.at(1), json.at(2), json.at(3), json.at(4), json.at(5)};
}

Json json_of(const ProgramRecord& record) {
  return {{"kind", profile::name_of(record.key.kind)},
          {"target", text_json(record.key.target)},
          {"options", texts_json(record.key.options)},
          {"folder", text_json(record.key.folder)},
          {"launches", record.launches},
          {"warm", record.warm},
          {"saved-usec", record.saved_usec},
          {"last", record.last},
          {"identity", json_of(record.identity)},
          {"template-stops", texts_json(record.template_stops)},
          {"worker-stops", texts_json(record.worker_stops)},
          {"question", text_json(record.question)},
          {"place", text_json(record.place)},
          {"saves-usec", record.saves_usec},
          {"memory", record.memory},
          {"given-up", text_json(record.given_up)},
          {"given-up-at", record.given_up_at}};
}

profile::TargetKind kind_of(const std::string& name) {
  for (const auto kind : {profile::TargetKind::entry_point, profile::TargetKind::module})
    if (profile::name_of(kind) == name) return kind;
  return profile::TargetKind::script;
}

ProgramRecord record_of(const Json& json) {
  ProgramRecord record;
  record.key.kind = kind_of(json.at("kind"));
  record.key.target = text_of(json.at("target"));
  record.key.options = texts_of(json.at("options"));
  record.key.folder = text_of(json.at("folder"));
  record.launches = json.at("launches");
  record.warm = json.at("warm");
  record.saved_usec = json.at("saved-usec");
  record.last = json.at("last");
  record.identity = identity_of(json.at("identity"));
  record.template_stops = texts_of(json.at("template-stops"));
  record.worker_stops = texts_of(json.at("worker-stops"));
  record.question = text_of(json.at("question"));
  record.place = text_of(json.at("place"));
  record.saves_usec = json.at("saves-usec");
  record.memory = json.at("memory");
  record.given_up = text_of(json.at("given-up"));
  record.given_up_at = json.at("given-up-at");
  return record;
}

}  // namespace

ProgramStore::ProgramStore(const std::string& profile) {
  const std::string state = base::state_folder();
  if (state.empty() || !base::valid_profile_name(profile)) return;
  folder_ = state + "/pml/programs";
  file_ = folder_ + "/" + profile + ".json";
}

std::vector<ProgramRecord> ProgramStore::load(const std::string& interpreter) const noexcept try {
  std::vector<ProgramRecord> records;
  std::ifstream file(file_, std::ios::ate);
  if (file_.empty() || !file || file.tellg() > k_most_bytes) return records;
  file.seekg(0);
  const Json json = Json::parse(file);
  if (json.at("version") != k_version || json.at("pml") != PML_VERSION ||
      text_of(json.at("interpreter")) != interpreter)
    return records;
  for (const Json& item : json.at("programs")) {
    if (records.size() >= k_most_programs) break;
    records.push_back(record_of(item));
  }
  return records;
} catch (...) {
  return {};
}

void ProgramStore::save(const std::string& interpreter,
                        const std::vector<const ProgramRecord*>& records) const noexcept try {
  if (file_.empty() || base::prepare_private_folder(folder_)) return;
  Json programs = Json::array();
  for (const ProgramRecord* record : records) programs.push_back(json_of(*record));
  const Json json = {{"version", k_version},
                     {"pml", PML_VERSION},
                     {"interpreter", text_json(interpreter)},
                     {"programs", std::move(programs)}};
  const std::string fresh = file_ + "." + std::to_string(::getpid());
  bool written = false;
  {
    std::ofstream file(fresh);
    file << json.dump(1) << "\n";
    written = static_cast<bool>(file.flush());
  }
  if (!written || std::rename(fresh.c_str(), file_.c_str()) != 0) ::unlink(fresh.c_str());
} catch (...) {  // NOLINT: what could not be written is written next time
}

}  // namespace pml::service
