#include "worker/compat/command.hpp"

#include <string>
#include <string_view>

namespace pml::worker::compat {

#if PY_VERSION_HEX >= 0x030d0000

namespace {

constexpr const char* k_name = "<string>";

#if PY_VERSION_HEX >= 0x030e0000
constexpr std::string_view k_blanks = " \t";

/// How many bytes of `one` and `other` are alike, from their start.
std::size_t common(std::string_view one, std::string_view other) {
  std::size_t same = 0;
  while (same < one.size() && same < other.size() && one[same] == other[same]) ++same;
  return same;
}

/// The text without the blanks that all lines begin with which hold anything else, as a line of
/// blanks alone does not count and is made empty where others lose some. Each line ends in '\n'.
std::string dedented(std::string_view text) {
  const auto each_line = [text](auto&& take) {
    for (std::size_t start = 0; start < text.size();) {
      const std::size_t end = text.find('\n', start);
      take(text.substr(start, end - start));
      start = end + 1;
    }
  };
  std::string_view margin;
  bool found = false;
  each_line([&](std::string_view line) {
    const std::size_t blanks = line.find_first_not_of(k_blanks);
    if (blanks == std::string_view::npos) return;
    margin =
        found ? margin.substr(0, common(margin, line.substr(0, blanks))) : line.substr(0, blanks);
    found = true;
  });
  if (margin.empty()) return std::string(text);
  std::string result;
  each_line([&](std::string_view line) {
    if (line.find_first_not_of(k_blanks) != std::string_view::npos)
      result += line.substr(margin.size());
    result += '\n';
  });
  return result;
}
#else
std::string dedented(std::string_view text) {
  return std::string(text);
}
#endif

/// The names of a function's parameters, with a space behind each.
std::string parameters_of(PyObject* function) {
  const Ref code = attribute(function, "__code__");
  const Ref names = attribute(code.get(), "co_varnames");
  const Ref count = attribute(code.get(), "co_argcount");
  std::string text;
  if (!names || !count || !PyTuple_Check(names.get())) return text;
  for (Py_ssize_t i = 0; i < PyLong_AsSsize_t(count.get()); ++i)
    if (const char* name = PyUnicode_AsUTF8(PyTuple_GetItem(names.get(), i)))
      text += std::string(name) + ' ';
  return text;
}

/// Whether linecache keeps such lines by the code object, as from 3.13.4 on, and not by their name.
bool takes_code(PyObject* cache) {
  return bool(attribute(cache, "_interactive_cache"));
}

/// Its lines are shown in tracebacks: linecache is told of them.
bool register_lines(PyObject* code, PyObject* text) {
  const Ref cache = Ref::steal(PyImport_ImportModule("linecache"));
  if (!cache) return false;
  const Ref function = Ref::steal(PyObject_GetAttrString(cache.get(), "_register_code"));
  if (!function) return false;
  const Ref name = Ref::steal(PyUnicode_FromString(k_name));
  PyObject* const first = takes_code(cache.get()) ? code : name.get();
  return name && bool(Ref::steal(PyObject_CallFunctionObjArgs(function.get(), first, text,
                                                              name.get(), nullptr)));
}

}  // namespace

Ref run_command([[maybe_unused]] PyObject* text, PyObject* bytes, PyObject* globals) {
  PyCompilerFlags flags = no_compiler_flags();
  flags.cf_flags |= PyCF_IGNORE_COOKIE;
  // The command line's text is given a line's end before anything else.
  std::string program(PyBytes_AsString(bytes));
  program = dedented(program + '\n');
  const Ref lines = Ref::steal(
      PyUnicode_DecodeUTF8(program.data(), static_cast<Py_ssize_t>(program.size()), nullptr));
  if (!lines) return {};
  const Ref code =
      Ref::steal(Py_CompileStringExFlags(program.c_str(), k_name, Py_file_input, &flags, -1));
  if (!code || !register_lines(code.get(), lines.get())) return {};
  if (PySys_Audit("exec", "O", code.get()) < 0) return {};
  return Ref::steal(PyEval_EvalCode(code.get(), globals, globals));
}

bool command_is_known() {
  const Ref cache = Ref::steal(PyImport_ImportModule("linecache"));
  const Ref function = attribute(cache.get(), "_register_code");
  return parameters_of(function.get()) == "code string name ";
}

void forget_command() noexcept {
  PyObject* const modules = PyImport_GetModuleDict();
  PyObject *name = nullptr, *module = nullptr;
  bool behind_site = false;
  for (Py_ssize_t at = 0; PyDict_Next(modules, &at, &name, &module) != 0;) {
    if (PyUnicode_CompareWithASCIIString(name, "linecache") == 0) break;
    behind_site |= PyUnicode_CompareWithASCIIString(name, "site") == 0;
  }
  PyObject* const cache = PyDict_GetItemString(modules, "linecache");
  const Ref lines = attribute(cache, "cache");
  if (lines && PyDict_DelItemString(lines.get(), k_name) != 0) PyErr_Clear();
  const Ref interactive = attribute(cache, "_interactive_cache");
  if (interactive && PyDict_Check(interactive.get())) PyDict_Clear(interactive.get());
  if (behind_site && PyDict_DelItemString(modules, "linecache") != 0) PyErr_Clear();
  PyErr_Clear();
}

#else

Ref run_command(PyObject* /*text*/, PyObject* bytes, PyObject* globals) {
  PyCompilerFlags flags = no_compiler_flags();
  flags.cf_flags |= PyCF_IGNORE_COOKIE;
  return Ref::steal(
      PyRun_StringFlags(PyBytes_AsString(bytes), Py_file_input, globals, globals, &flags));
}

bool command_is_known() {
  return true;
}

void forget_command() noexcept {}

#endif

}  // namespace pml::worker::compat
