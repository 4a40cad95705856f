#include "ctl/json.hpp"

#include <cstdio>

namespace pml::ctl {

namespace {

bool is_number(const std::string& text) {
  return !text.empty() && text.size() < 19 &&
         text.find_first_not_of("0123456789") == std::string::npos;
}

std::string underscored(std::string key) {
  for (char& c : key)
    if (c == '-' || c == '.') c = '_';
  return key;
}

}  // namespace

void print_json(const Json& json) {
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
}

Json json_of(const ServiceStatus& status) {
  Json json = Json::object();
  for (const auto& [key, value] : status.values) {
    Json& member = json[underscored(key)];
    if (is_number(value) && key != "version" && key != "profile")
      member = status.number(key);
    else
      member = value;
  }
  json["refused"] = status.refused;
  Json& preloads = json["preloads"] = Json::array();
  for (const auto& [name, usec] : status.preloads)
    preloads.push_back({{"module", name}, {"usec", usec}});
  Json& failed = json["failed_preloads"] = Json::array();
  for (const auto& [name, why] : status.failed)
    failed.push_back({{"module", name}, {"reason", why}});
  Json& quarantined = json["quarantined_preloads"] = Json::array();
  for (const auto& [name, why] : status.quarantined)
    quarantined.push_back({{"module", name}, {"reason", why}});
  Json& not_shared = json["not_shared_modules"] = Json::array();
  for (const auto& [name, why] : status.not_shared)
    not_shared.push_back({{"module", name}, {"reason", why}});
  Json& programs = json["programs"] = Json::array();
  for (const AheadProgram& program : status.programs)
    programs.push_back({{"program", program.name},
                        {"state", program.state},
                        {"launches", program.launches},
                        {"warm", program.warm},
                        {"saves_usec", program.saves_usec},
                        {"memory", program.memory}});
  Json& jobs = json["last_jobs"] = Json::array();
  for (const PastJob& job : status.last_jobs)
    jobs.push_back({{"job", job.name},
                    {"end", job.end},
                    {"duration_usec", job.duration_usec},
                    {"command", job.command}});
  return json;
}

Json json_of(const PoolMemory& memory) {
  return {{"processes", memory.processes},
          {"zygote_pss_kib", memory.zygote.pss},
          {"pool_pss_kib", memory.all.pss},
          {"shared_kib", memory.all.shared},
          {"private_kib", memory.all.own}};
}

Json json_of(const RunningJob& job) {
  return {
      {"job", job.name}, {"state", job.state}, {"seconds", job.seconds}, {"command", job.command}};
}

}  // namespace pml::ctl
