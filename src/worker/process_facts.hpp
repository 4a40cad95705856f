#pragma once

#include <string>
#include <tuple>
#include <vector>

#include "worker/fitness.hpp"

namespace pml::worker {

/// What a module's import can ask about the process it is imported in.
enum class FactKind {
  own,         ///< what no two processes have in common: its number, its words, chance
  folder,      ///< the current folder, or with a `name` only whether there is one
  file,        ///< what lies at `name`, a relative path
  terminal,    ///< whether descriptor `number` is a terminal, and how large
  descriptor,  ///< whether descriptor `number` is open
  buffering,   ///< whether standard output is buffered
  encoding,    ///< of the standard streams
  affinity,    ///< the processors it may run on
  umask,
  limit,        ///< resource limit `number`
  locale,       ///< of category `number`
  locale_item,  ///< nl_langinfo(3) of `number`
  warnings,     ///< the filters it was started with
  x_options,
  zone,           ///< of time
  flag,           ///< sys.flags' `name`
  signal,         ///< whether signal `number` is ignored
  added_folders,  ///< of sys.path, that the program alone has: what metadata of distributions lies
                  ///< in them, or with a `name` what parts of that package
};

/// The enumerator's name.
[[nodiscard]] const char* name_of(FactKind kind);

/// Whether a program can change the answer while it runs, and `value_of` sees it.
[[nodiscard]] bool can_change(FactKind kind);

/// One such question.
struct ProcessFact {
  FactKind kind = FactKind::own;
  int number = 0;
  std::string name;

  bool operator<(const ProcessFact& other) const {
    return std::tie(kind, number, name) < std::tie(other.kind, other.number, other.name);
  }
};

/// A question and the answer that it got.
struct KnownFact {
  ProcessFact fact;
  std::string value;
};

/// The answer in this process, whose interpreter runs, or is to run, with these options.
[[nodiscard]] std::string value_of(const ProcessFact& fact, const RunOptions& options);

}  // namespace pml::worker
