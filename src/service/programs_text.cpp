#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>
#include <vector>

#include "service/program_rows.hpp"
#include "service/programs.hpp"

namespace pml::service {

namespace {

using Json = nlohmann::json;

Json json_of(const Program& program) {
  const ProgramRecord& record = program.record;
  Json json = {{"name", program.name},
               {"kind", profile::name_of(record.key.kind)},
               {"target", record.key.target},
               {"options", record.key.options},
               {"declared", program.declared},
               {"state", state_of(program, event::Loop::now())},
               {"launches", record.launches},
               {"warm", record.warm},
               {"saves-usec", record.saves_usec},
               {"saved-usec", record.saved_usec},
               {"memory", record.memory},
               {"waiting", program.pool ? program.pool->waiting() : 0U},
               {"last", record.last.front()}};
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) json[key] = value;
  };
  add("folder", record.key.folder);
  add("stops-before", record.question);
  add("stops-at", record.place);
  add("reason", record.given_up);
  add("missed", program.missed);
  add("trial", program.in_vain);
  if (program.pool) add("repeated-stops", program.pool->further_stop());
  json["misses"] = program.misses;
  if (program.pool && program.pool->pid() > 0) json["pid"] = program.pool->pid();
  return json;
}

Json json_of(const profile::Program& declared) {
  return {{"name", declared.name},
          {"kind", profile::name_of(declared.kind)},
          {"target", declared.target},
          {"declared", true},
          {"state", "waiting"},
          {"launches", 0},
          {"warm", 0},
          {"reason", "nobody has started it since the service began"}};
}

std::vector<ProgramRow> rows(const Programs& programs) {
  std::vector<const Program*> all;
  for (const auto& [text, program] : programs.all()) all.push_back(program.get());
  return rows_of(std::move(all));
}

struct Sums {
  std::uint64_t launches = 0, warm = 0, saved_usec = 0, memory = 0, misses = 0;
  unsigned waiting = 0;
  std::time_t last = 0;
};

Sums sums_of(const ProgramRow& row) {
  Sums sums;
  for (const Program* way : row) {
    sums.launches += way->record.launches;
    sums.warm += way->record.warm;
    sums.saved_usec += way->record.saved_usec;
    sums.misses += way->misses;
    sums.last = std::max(sums.last, way->record.last.front());
    // Without a process the memory is what it would take.
    if (way->pool || way == row.front()) sums.memory += way->record.memory;
    if (way->pool) sums.waiting += way->pool->waiting();
  }
  return sums;
}

Json way_json(const Program& program) {
  const ProgramRecord& record = program.record;
  Json json = {{"target", record.key.target},
               {"options", record.key.options},
               {"state", state_of(program, event::Loop::now())},
               {"launches", record.launches},
               {"warm", record.warm}};
  if (!record.key.folder.empty()) json["folder"] = record.key.folder;
  return json;
}

/// The first way's, with the sums of all; `ways` where there are several.
Json json_of(const ProgramRow& row) {
  Json json = json_of(*row.front());
  if (row.size() == 1) return json;
  const Sums sums = sums_of(row);
  json["launches"] = sums.launches;
  json["warm"] = sums.warm;
  json["saved-usec"] = sums.saved_usec;
  json["memory"] = sums.memory;
  json["misses"] = sums.misses;
  json["waiting"] = sums.waiting;
  json["last"] = sums.last;
  Json& ways = json["ways"] = Json::array();
  for (const Program* way : row) ways.push_back(way_json(*way));
  return json;
}

/// One that a person has a use for: not each script that was once started.
bool is_worth_telling(const ProgramRow& row) {
  return sums_of(row).launches >= k_launches_to_learn ||
         std::any_of(row.begin(), row.end(), [](const Program* way) {
           return way->declared || way->pool || !way->record.given_up.empty();
         });
}

std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string programs_text(const Programs& programs) {
  std::string text;
  for (const ProgramRow& row : rows(programs))
    if (is_worth_telling(row)) text += line_of(json_of(row));
  for (const profile::Program* declared : programs.not_started())
    text += line_of(json_of(*declared));
  return text + "\n";
}

std::string programs_status(const Programs& programs) {
  std::uint64_t ready = 0;
  std::uint64_t warm = 0;
  std::uint64_t saved = 0;
  std::uint64_t memory = 0;
  std::string lines;
  for (const ProgramRow& row : rows(programs)) {
    const Program& first = *row.front();
    const Sums sums = sums_of(row);
    warm += sums.warm;
    saved += sums.saved_usec;
    if (!first.pool) continue;
    ready += sums.waiting > 0 ? 1 : 0;
    memory += sums.memory;
    lines += "program " + first.name + " " + state_of(first, event::Loop::now()) + " " +
             std::to_string(sums.launches) + " " + std::to_string(sums.warm) + " " +
             std::to_string(first.record.saves_usec) + " " + std::to_string(sums.memory) + "\n";
  }
  return "programs-ready " + std::to_string(ready) + "\nprograms-warm " + std::to_string(warm) +
         "\nprograms-saved-usec " + std::to_string(saved) + "\nprograms-memory " +
         std::to_string(memory) + "\n" + lines;
}

}  // namespace pml::service
