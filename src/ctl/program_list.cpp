#include "ctl/program_list.hpp"

#include <algorithm>

#include "ctl/table.hpp"
#include "ctl/units.hpp"

namespace pml::ctl {

namespace {

std::string text(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::uint64_t number(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

std::string why_of(const Json& json) {
  if (std::string reason = text(json, "reason"); !reason.empty()) return reason;
  std::string why;
  if (const std::string question = text(json, "stops-before"); !question.empty())
    why = "stops before " + question;
  if (const std::string place = text(json, "stops-at"); !place.empty()) why += ", at " + place;
  if (const std::string missed = text(json, "missed"); !missed.empty())
    why += (why.empty() ? "" : "; ") + std::string("last missed: ") + missed;
  return why;
}

ProgramLine line_of(Json json) {
  ProgramLine line;
  line.name = text(json, "name");
  line.kind = text(json, "kind");
  line.target = text(json, "target");
  line.state = text(json, "state");
  line.declared = json.value("declared", false);
  line.launches = number(json, "launches");
  line.warm = number(json, "warm");
  line.saves_usec = number(json, "saves-usec");
  line.saved_usec = number(json, "saved-usec");
  line.memory = number(json, "memory");
  line.why = why_of(json);
  line.json = std::make_shared<const Json>(std::move(json));
  return line;
}

std::string or_dash(std::uint64_t value, const std::string& shown) {
  return value == 0 ? "-" : shown;
}

Colour colour_of(const std::string& state) {
  return state == "ready" ? Colour::good : state == "given-up" ? Colour::warning : Colour::faint;
}

}  // namespace

std::vector<ProgramLine> parse_programs(std::string_view answer) {
  std::vector<ProgramLine> programs;
  while (!answer.empty()) {
    const std::size_t end = std::min(answer.find('\n'), answer.size());
    Json json = Json::parse(answer.substr(0, end), nullptr, false);
    if (json.is_object()) programs.push_back(line_of(std::move(json)));
    answer.remove_prefix(std::min(end + 1, answer.size()));
  }
  return programs;
}

std::string programs_table(const std::vector<ProgramLine>& programs) {
  Table table(
      {"PROGRAM", "STATE", ">LAUNCHES", ">WARM", ">SAVES EACH", ">SAVED", ">MEMORY", "WHY"});
  for (const ProgramLine& program : programs)
    table.add({{program.name, Colour::bold},
               {program.state + (program.declared ? ", adopted" : ""), colour_of(program.state)},
               {std::to_string(program.launches)},
               {std::to_string(program.warm)},
               {or_dash(program.saves_usec, duration_text(program.saves_usec))},
               {or_dash(program.saved_usec, duration_text(program.saved_usec))},
               {or_dash(program.memory, size_text(program.memory / 1024))},
               {program.why}});
  return table.empty() ? "" : table.text();
}

}  // namespace pml::ctl
