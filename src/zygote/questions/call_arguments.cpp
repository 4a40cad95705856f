#include "zygote/questions/call_arguments.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstring>
#include <string_view>

namespace pml::zygote {

const char* text_in(PyObject* text) {
  const char* bytes = text != nullptr && PyUnicode_Check(text) ? PyUnicode_AsUTF8(text) : nullptr;
  if (bytes == nullptr) PyErr_Clear();
  return bytes;
}

std::optional<std::string> path_in(PyObject* path) {
  if (path == nullptr) return std::string();
  if (PyLong_Check(path)) return std::nullopt;
  PyObject* converted = nullptr;
  if (PyUnicode_FSConverter(path, &converted) == 0) return std::nullopt;
  const worker::Ref bytes = worker::Ref::steal(converted);
  const char* text = PyBytes_AsString(bytes.get());
  if (text == nullptr) return std::nullopt;
  return std::string(text);
}

bool is_to_be_written(PyObject* how) {
  if (how == nullptr) return false;
  if (PyLong_Check(how)) return (PyLong_AsLong(how) & O_ACCMODE) != O_RDONLY;
  const char* mode = text_in(how);
  return mode != nullptr && std::strpbrk(mode, "wax+") != nullptr;
}

bool is_of_the_system(const std::string& path) {
  return path.starts_with("/proc/") || path.starts_with("/sys/") || path.starts_with("/dev/");
}

bool is_of_this_process(const std::string& path) {
  const auto is_below = [&path](std::string_view place) {
    return path.starts_with(place) && path.size() > place.size() && path[place.size()] == '/';
  };
  // What it runs is the same for all.
  if (path == "/proc/self/exe" || path == "/proc/thread-self/exe") return false;
  if (path == "/dev/stdin" || path == "/dev/stdout" || path == "/dev/stderr") return true;
  return is_below("/proc/self") || is_below("/proc/thread-self") || is_below("/dev/fd") ||
         is_below("/proc/" + std::to_string(::getpid()));
}

int limit_behind(PyObject* setting) {
  if (setting == nullptr) return -1;
  const char* const name = PyUnicode_Check(setting) ? text_in(setting) : nullptr;
  const long number = name == nullptr && PyLong_Check(setting) ? PyLong_AsLong(setting) : -1;
  const auto is = [&](const char* known, int own) {
    return name != nullptr ? std::strcmp(name, known) == 0 : number == own;
  };
  if (is("SC_OPEN_MAX", _SC_OPEN_MAX)) return RLIMIT_NOFILE;
  if (is("SC_ARG_MAX", _SC_ARG_MAX)) return RLIMIT_STACK;
  return is("SC_CHILD_MAX", _SC_CHILD_MAX) ? int{RLIMIT_NPROC} : -1;
}

}  // namespace pml::zygote
