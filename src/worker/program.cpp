#include "worker/program.hpp"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "wire/entry_point_code.hpp"
#include "worker/compat/command.hpp"
#include "worker/compat/config.hpp"
#include "worker/compat/frames.hpp"
#include "worker/compat/main_module.hpp"
#include "worker/compat/messages.hpp"
#include "worker/interpreter.hpp"
#include "worker/python.hpp"

namespace pml::worker {

void (*g_at_outcome)() = nullptr;  // NOLINT: of the process

namespace {

/// A SystemExit's status, as PyErr_Print would have found it before calling exit.
int status_of_exit() {
  PyObject *type = nullptr, *raised = nullptr, *trace = nullptr;
  PyErr_Fetch(&type, &raised, &trace);
  std::fflush(stdout);
  int status = 0;
  Ref value = Ref::borrow(raised);
  if (value && value.get() != Py_None) {
    if (PyExceptionInstance_Check(value.get())) {
      const Ref code = attribute(value.get(), "code");
      if (code) value = code;
    }
    if (value.get() == Py_None) {
      status = 0;
    } else if (PyLong_Check(value.get())) {
      status = static_cast<int>(PyLong_AsLong(value.get()));
      if (PyErr_Occurred()) compat::end_with_huge_status();
    } else {
      PyObject* stream = PySys_GetObject("stderr");
      if (stream != nullptr && stream != Py_None) {
        PyFile_WriteObject(value.get(), stream, Py_PRINT_RAW);
      } else {
        PyObject_Print(value.get(), stderr, Py_PRINT_RAW);
        std::fflush(stderr);
      }
      PySys_WriteStderr("\n");
      status = 1;
    }
  }
  value = {};
  PyErr_Restore(type, raised, trace);
  PyErr_Clear();
  return status;
}

/// After code that python3 runs with PyErr_Print behind it.
Outcome outcome_of(const Ref& result) {
  if (g_at_outcome != nullptr) g_at_outcome();
  Outcome outcome;
  if (result) return outcome;
  if (PyErr_ExceptionMatches(PyExc_SystemExit)) {
    outcome.status = status_of_exit();
    return outcome;
  }
  outcome.interrupted = PyErr_Occurred() == PyExc_KeyboardInterrupt;
  PyErr_Print();
  outcome.status = 1;
  return outcome;
}

PyObject* main_globals() {
  return PyModule_GetDict(PyImport_AddModule("__main__"));
}

void flush_streams_quietly() {
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  for (const char* name : {"stderr", "stdout"}) {
    PyObject* stream = PySys_GetObject(name);
    if (stream == nullptr) continue;
    call_method(stream, "flush");
    PyErr_Clear();
  }
  PyErr_Restore(type, value, trace);
}

bool set_loader(PyObject* globals, PyObject* name, const char* loader_name) {
  const Ref external = Ref::steal(PyImport_ImportModule("_frozen_importlib_external"));
  const Ref type = attribute(external.get(), loader_name);
  const Ref loader =
      type ? Ref::steal(PyObject_CallFunction(type.get(), "sO", "__main__", name)) : Ref();
  return loader && PyDict_SetItemString(globals, "__loader__", loader.get()) == 0;
}

bool is_compiled(std::FILE* file, std::string_view path) {
  if (path.ends_with(".pyc")) return true;
  unsigned char start[2];
  struct stat info = {};
  if (::fstat(::fileno(file), &info) != 0 || !S_ISREG(info.st_mode)) return false;
  const bool two = std::ftell(file) == 0 && std::fread(start, 1, 2, file) == 2;
  const long half = PyImport_GetMagicNumber() & 0xffff;
  const bool compiled = two && (start[1] << 8 | start[0]) == half;
  std::rewind(file);
  return compiled;
}

Ref run_compiled(std::FILE* file, PyObject* globals) {
  const long magic = PyMarshal_ReadLongFromFile(file);
  if (magic != PyImport_GetMagicNumber()) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_RuntimeError, "Bad magic number in .pyc file");
    std::fclose(file);
    return {};
  }
  for (int i = 0; i < 3; ++i) (void)PyMarshal_ReadLongFromFile(file);
  if (PyErr_Occurred()) {
    std::fclose(file);
    return {};
  }
  const Ref code = Ref::steal(PyMarshal_ReadLastObjectFromFile(file));
  std::fclose(file);
  if (!code || !PyCode_Check(code.get())) {
    PyErr_SetString(PyExc_RuntimeError, "Bad code object in .pyc file");
    return {};
  }
  return Ref::steal(PyEval_EvalCode(code.get(), globals, globals));
}

Outcome run_open_file(std::FILE* file, const std::string& path, PyObject* name, bool closes) {
  PyObject* globals = main_globals();
  const Ref keep = Ref::borrow(PyImport_AddModule("__main__"));
  PyDict_SetItemString(globals, "__file__", name);
  if (compat::k_has_cached) PyDict_SetItemString(globals, "__cached__", Py_None);
  Ref result;
  if (path != "<stdin>" && is_compiled(file, path)) {
    if (!set_loader(globals, name, "SourcelessFileLoader")) return outcome_of({});
    result = run_compiled(file, globals);
  } else {
    if (path != "<stdin>" && !set_loader(globals, name, "SourceFileLoader")) return outcome_of({});
    PyCompilerFlags flags = compat::no_compiler_flags();
    result = Ref::steal(
        PyRun_FileExFlags(file, path.c_str(), Py_file_input, globals, globals, closes, &flags));
  }
  flush_streams_quietly();
  const Outcome outcome = outcome_of(result);
  for (const char* item : {"__file__", "__cached__"})
    if (PyDict_DelItemString(globals, item) != 0) PyErr_Clear();
  return outcome;
}

Outcome run_file(const std::string& path) {
  const Ref name = decode(path);
  if (PySys_Audit("cpython.run_file", "O", name.get()) < 0) return outcome_of({});
  std::FILE* file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) {
    const int error = errno;
    const Ref program = decode(baseline().executable);
    PySys_FormatStderr("%S: can't open file %R: [Errno %d] %s\n", program.get(), name.get(), error,
                       std::strerror(error));
    return {2, false};
  }
  struct stat info = {};
  if (::fstat(::fileno(file), &info) == 0 && S_ISDIR(info.st_mode)) {
    const Ref program = decode(baseline().executable);
    PySys_FormatStderr("%S: %R is a directory, cannot continue\n", program.get(), name.get());
    std::fclose(file);
    return {1, false};
  }
  if (Py_MakePendingCalls() == -1) {
    std::fclose(file);
    return outcome_of({});
  }
  return run_open_file(file, path, name.get(), true);
}

Outcome run_module(const char* name, bool alter_arguments) {
  const Ref text = decode(name);
  if (PySys_Audit("cpython.run_module", "O", text.get()) < 0) return outcome_of({});
  const Ref runpy = Ref::steal(PyImport_ImportModule("runpy"));
  if (!runpy) {
    std::fprintf(stderr, "Could not import runpy module\n");
    return outcome_of({});
  }
  const Ref run = Ref::steal(PyObject_GetAttrString(runpy.get(), "_run_module_as_main"));
  if (!run) return outcome_of({});
  return outcome_of(
      Ref::steal(PyObject_CallFunction(run.get(), "Oi", text.get(), alter_arguments)));
}

Outcome run_command(std::string_view code) {
  const Ref text = decode(code);
  if (!text || PySys_Audit("cpython.run_command", "O", text.get()) < 0) return outcome_of({});
  const Ref bytes = Ref::steal(PyUnicode_AsUTF8String(text.get()));
  if (!bytes) {
    PySys_WriteStderr("Unable to decode the command from the command line:\n");
    return outcome_of({});
  }
  return outcome_of(compat::run_command(text.get(), bytes.get(), main_globals()));
}

Outcome run_standard_in() {
  if (Py_MakePendingCalls() == -1) return outcome_of({});
  if (PySys_Audit("cpython.run_stdin", nullptr) < 0) return outcome_of({});
  const Ref name = decode("<stdin>");
  return run_open_file(stdin, "<stdin>", name.get(), false);
}

/// The folder of the program, resolved as python3 resolves it: one symbolic link, then realpath.
std::string folder_of_script(std::string path) {
  char link[PATH_MAX + 1];
  const ssize_t size = ::readlink(path.c_str(), link, sizeof link - 1);
  if (size > 0) {
    const std::string target(link, static_cast<std::size_t>(size));
    const std::size_t slash = path.rfind('/');
    if (target[0] == '/' || (target.find('/') != std::string::npos && slash == std::string::npos))
      path = target;
    else if (target.find('/') != std::string::npos)
      path = path.substr(0, slash + 1) + target;
  }
  char resolved[PATH_MAX];
  if (::realpath(path.c_str(), resolved) != nullptr) path = resolved;
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {};
  return path.substr(0, slash == 0 ? 1 : slash);
}

bool add_path_entry(PyObject* entry) {
  PyObject* path = PySys_GetObject("path");
  return entry != nullptr && path != nullptr && PyList_Insert(path, 0, entry) == 0;
}

/// The path as __file__ will show it: made absolute, not tidied.
std::string absolute_name(const std::string& path) {
  if (path.starts_with('/')) return path;
  char folder[PATH_MAX];
  if (::getcwd(folder, sizeof folder) == nullptr) return path;
  if (compat::k_shortens_dot && (path.empty() || path == ".")) return folder;
  return std::string(folder) + "/" + path;
}

/// The importer of a folder or archive that can be run, None for a plain file, null on an error.
Ref importer_of(const std::string& target) {
  const Ref name = decode(target);
  return Ref::steal(PyImport_GetImporter(name.get()));
}

}  // namespace

std::optional<std::string> program_folder(const wire::Request& request) {
  switch (request.kind) {
    case wire::ProgramKind::module: {
      char folder[PATH_MAX];
      if (::getcwd(folder, sizeof folder) == nullptr) return std::nullopt;
      return folder;
    }
    case wire::ProgramKind::script:
    case wire::ProgramKind::standard_in:
      return folder_of_script(std::string(request.target));
    default:
      return std::string();
  }
}

Outcome run_program(const wire::Request& request) {
  compat::forget_frames();
  std::string target(request.target);
  if (request.kind == wire::ProgramKind::script) {
    target = absolute_name(target);
    const Ref importer = importer_of(target);
    if (!importer) return outcome_of({});
    if (importer.get() != Py_None) {
      const Ref name = decode(target);
      if (!add_path_entry(name.get())) return outcome_of({});
      return run_module("__main__", false);
    }
  }
  if (const auto folder = compat::has_safe_path() ? std::nullopt : program_folder(request)) {
    const Ref entry = decode(*folder);
    if (!add_path_entry(entry.get())) return outcome_of({});
  }
  switch (request.kind) {
    case wire::ProgramKind::command:
      return run_command(request.target);
    case wire::ProgramKind::entry_point:
      if (baseline().entry_points)
        PyDict_SetItemString(main_globals(), "_pml_index", baseline().entry_points.get());
      return run_command(wire::k_entry_point_code);
    case wire::ProgramKind::module:
      return run_module(target.c_str(), true);
    case wire::ProgramKind::standard_in:
      return run_standard_in();
    case wire::ProgramKind::script:
      break;
  }
  return run_file(target);
}

}  // namespace pml::worker
