#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "worker/process_facts.hpp"
#include "worker/python.hpp"

namespace pml::zygote {

/// Something that Python code asks about this process.
struct ProcessQuestion {
  worker::ProcessFact fact;
  std::vector<std::string> askers;  ///< modules of the code on the stack, up to the import's own
  std::string function;             ///< that asks, of the first of them
  PyObject* generator = nullptr;    ///< the random.Random that is used, or none; borrowed
  bool seeds = false;               ///< it is seeded; else numbers are drawn
  bool by_system = false;           ///< with a seed of the system's
  std::string read_file;            ///< instead of `fact`: the full path of a file that is read
  std::string set_variable;         ///< instead of `fact`: of the environment, which is set
  std::optional<std::string> variable_value;  ///< none: it is removed
  const char* system_name = "";               ///< the name of sys that is looked up, or empty
};

/// Hears from now on of what Python code asks: functions of `os`, names of `sys`, the standard
/// streams, random numbers. The functions and objects stay the same ones; their C code is gone
/// round. What `hear` returns is the answer instead, where it is one, to a name of `sys`. One at a
/// time; the GIL is held.
using Hearer = std::function<worker::Ref(const ProcessQuestion& question)>;
/// Hears of each name that is looked up in a module.
using NameHearer = std::function<void(PyObject* module, PyObject* name)>;
void start_process_spy(Hearer hear, NameHearer hear_name);

/// The same for the functions of a module that has been imported since.
void spy_on_functions(const std::string& module);

/// What looking up the name in sys asks; nothing for most names.
[[nodiscard]] std::optional<worker::FactKind> kind_of_system_name(std::string_view name);

/// Brings the C code back.
void stop_process_spy();

}  // namespace pml::zygote
