#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <vector>

namespace pml::zygote {

/// Whether what the module of that name keeps is looked at at all: what the interpreter itself and
/// the import system note down is not.
[[nodiscard]] bool keeps_registries(const std::string& name);

/// The lists and dicts that the module has under a name of its own or of one of its classes, in
/// which others may register something: a program finds in them what those have registered that it
/// has imported. Left out are those that are called a cache, and very large ones.
[[nodiscard]] std::vector<pybind11::object> registries_in(const pybind11::object& module,
                                                          const std::string& name);

}  // namespace pml::zygote
