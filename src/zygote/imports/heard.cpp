#include "zygote/imports/heard.hpp"

#include <dlfcn.h>
#include <pybind11/eval.h>

#include <algorithm>
#include <sstream>
#include <string>

#include "worker/interpreter.hpp"
#include "zygote/module_table.hpp"

namespace py = pybind11;

namespace pml::zygote {

namespace {

/// One line of it.
struct Line {
  std::string kind, module, name, library;
};

Line line_of(std::string_view text) {
  std::istringstream words{std::string(text)};
  Line line;
  words >> line.kind >> line.module >> line.name >> std::ws;
  std::getline(words, line.library);
  return line;
}

/// Without its version and the interpreter's: all from the first dot on.
std::string_view stem_of(std::string_view library) {
  return library.substr(0, library.find('.'));
}

const DrawQuirk* quirk_for(const Line& line, const Quirks& quirks) {
  const auto found =
      std::find_if(quirks.draws.begin(), quirks.draws.end(), [&](const DrawQuirk& quirk) {
        return (quirk.module == line.module || quirk.module == "*") &&
               quirk.library == stem_of(line.library);
      });
  return found == quirks.draws.end() ? nullptr : &*found;
}

/// Whether the expression does in this process what it is there for; each job that imports the
/// module has it done then.
bool adopt_renewal(const DrawQuirk& quirk, const std::string& module, ImportRecord& record) {
  try {
    const py::object names = modules()[module.c_str()].attr("__dict__");
    const py::object renew = py::eval("lambda: (" + quirk.expression + ")", names);
    renew();
    record.calls.push_back({renew, py::tuple()});
    return true;
  } catch (py::error_already_set&) {
    return false;  // another version of the module
  }
}

void note_draw(const Line& line, const Quirks& quirks, ImportLog& log) {
  if (quirks.is_harmless(line.module, worker::FactKind::own)) return;
  if (const DrawQuirk* quirk = quirk_for(line, quirks))
    if (quirk->expression.empty() || adopt_renewal(*quirk, line.module, log.at(line.module)))
      return;
  log.note(line.module,
           {worker::FactKind::own, 0, "random numbers (" + line.library + ": " + line.name + ")"});
}

void note_one(const Line& line, const Quirks& quirks, ImportLog& log) {
  if (line.kind == "variable") {
    // What a module has set itself is found in the record already.
    const auto value = worker::started_with().get(line.name);
    log.at(line.module)
        .variables.emplace(line.name, value ? std::optional<std::string>(*value) : std::nullopt);
  } else if (line.kind == "draw") {
    note_draw(line, quirks, log);
  } else if (line.kind == "differs") {
    log.at(line.module).differs = line.library;
  } else if (line.kind == "seed" || line.kind == "setting") {
    const std::string what = line.kind == "seed" ? line.name : "the variable " + line.name;
    log.note(line.module, {worker::FactKind::own, 0, what + " (" + line.library + ")"});
  }
}

}  // namespace

void tell_recorder(const char* module) {
  using Note = void(const char*);
  static Note* const note = reinterpret_cast<Note*>(::dlsym(RTLD_DEFAULT, "pml_recorder_note"));
  if (note != nullptr) note(module);
}

void note_heard(const std::vector<std::string_view>& lines, const Quirks& quirks, ImportLog& log) {
  for (std::string_view text : lines) {
    const Line line = line_of(text);
    if (log.is_recorded(line.module)) note_one(line, quirks, log);
  }
}

}  // namespace pml::zygote
