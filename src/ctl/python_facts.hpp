#pragma once

#include <optional>
#include <string>

namespace pml::ctl {

/// What an interpreter says of itself.
struct PythonFacts {
  std::string abi;      ///< "cpython-312-x86_64-linux-gnu"
  std::string version;  ///< "3.12.1"
  std::string prefix;   ///< sys.prefix
  std::string headers;  ///< the folder that Python.h would be in

  /// The file that has pml's module for this ABI and release; empty where there is none.
  [[nodiscard]] std::string module() const;
};

/// Asks the interpreter at `path`; nothing where it cannot be executed.
[[nodiscard]] std::optional<PythonFacts> facts_of(const std::string& path);

}  // namespace pml::ctl
