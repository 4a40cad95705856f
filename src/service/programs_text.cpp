#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>
#include <vector>

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

std::vector<const Program*> sorted(const Programs& programs) {
  std::vector<const Program*> all;
  for (const auto& [text, program] : programs.all()) all.push_back(program.get());
  std::sort(all.begin(), all.end(), [](const Program* left, const Program* right) {
    return std::tuple(!left->declared, !left->pool, right->record.last.front(), left->id) <
           std::tuple(!right->declared, !right->pool, left->record.last.front(), right->id);
  });
  return all;
}

/// One that a person has a use for: not each script that was once started.
bool is_worth_telling(const Program& program) {
  return program.declared || program.pool || program.record.launches >= k_launches_to_learn ||
         !program.record.given_up.empty();
}

std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string programs_text(const Programs& programs) {
  std::string text;
  for (const Program* program : sorted(programs))
    if (is_worth_telling(*program)) text += line_of(json_of(*program));
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
  for (const Program* program : sorted(programs)) {
    warm += program->record.warm;
    saved += program->record.saved_usec;
    if (!program->pool) continue;
    ready += program->pool->waiting() > 0 ? 1 : 0;
    memory += program->record.memory;
    lines += "program " + program->name + " " + state_of(*program, event::Loop::now()) + " " +
             std::to_string(program->record.launches) + " " + std::to_string(program->record.warm) +
             " " + std::to_string(program->record.saves_usec) + " " +
             std::to_string(program->record.memory) + "\n";
  }
  return "programs-ready " + std::to_string(ready) + "\nprograms-warm " + std::to_string(warm) +
         "\nprograms-saved-usec " + std::to_string(saved) + "\nprograms-memory " +
         std::to_string(memory) + "\n" + lines;
}

}  // namespace pml::service
