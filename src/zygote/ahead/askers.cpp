#include "zygote/ahead/askers.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "zygote/ahead/course.hpp"

namespace pml::zygote::ahead {

namespace {

using worker::attribute;
using worker::Ref;

// The path of realpath is looked at for links; resolve only sees to it that there is no loop.
constexpr std::array<std::string_view, 17> k_ask_kind_only = {
    "posixpath:exists",
    "posixpath:isdir",
    "posixpath:isfile",
    "posixpath:samefile",
    "posixpath:islink",
    "posixpath:ismount",
    "posixpath:lexists",
    "posixpath:realpath",
    "pathlib:exists",
    "posixpath:_joinrealpath",
    "pathlib:is_dir",
    "pathlib:is_file",
    "pathlib:is_mount",
    "pathlib:is_symlink",
    "pathlib:resolve",
    "pathlib:samefile",
    "importlib._bootstrap_external:_path_is_mode_type"};
constexpr std::array<std::string_view, 3> k_pass_on = {"pathlib:stat", "pathlib:lstat",
                                                       "importlib._bootstrap_external:_path_stat"};

template <typename List>
bool has(const List& list, const std::string& function) {
  return std::find(list.begin(), list.end(), function) != list.end();
}

/// Pathlib's parts have other names in each version, and what posixpath has may be genericpath's.
std::string asker_of(PyObject* frame) {
  constexpr std::string_view k_pathlib = "pathlib";
  constexpr std::string_view k_generic = "genericpath:";
  std::string function = function_of(frame);
  if (function.starts_with(k_generic)) function.replace(0, k_generic.size(), "posixpath:");
  if (function.starts_with("pathlib."))
    function.erase(k_pathlib.size(), function.find(':') - k_pathlib.size());
  return function;
}

}  // namespace

std::string function_of(PyObject* frame) {
  const Ref globals = attribute(frame, "f_globals");
  const Ref code = attribute(frame, "f_code");
  if (!globals) return {};
  return text_of(PyDict_GetItemString(globals.get(), "__name__")) + ":" +
         text_of(attribute(code.get(), "co_name").get());
}

bool asks_kind_only() {
  Ref frame = Ref::borrow(reinterpret_cast<PyObject*>(PyEval_GetFrame()));
  std::string asker = asker_of(frame.get());
  while (has(k_pass_on, asker)) {
    frame = attribute(frame.get(), "f_back");
    asker = asker_of(frame.get());
  }
  return has(k_ask_kind_only, asker);
}

}  // namespace pml::zygote::ahead
