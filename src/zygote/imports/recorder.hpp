#pragma once

#include <pybind11/pybind11.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "zygote/changes/change_log.hpp"
#include "zygote/changes/codec_watch.hpp"
#include "zygote/imports/extension_imports.hpp"
#include "zygote/imports/heard.hpp"
#include "zygote/imports/import_log.hpp"
#include "zygote/imports/lazy_imports.hpp"
#include "zygote/imports/quirks.hpp"
#include "zygote/imports/source_files.hpp"
#include "zygote/imports/taken_names.hpp"
#include "zygote/questions/question_log.hpp"

namespace pml::zygote {

/// Watches imports and writes down what each module's import asked for and left behind: other
/// modules, environment variables read, exit calls registered, lists changed. From `start` to
/// `finish`; one at a time.
class Recorder {
 public:
  /// Takes note of the modules that are there already and puts the hooks in place. `quirks` are
  /// lines of config/quirks.
  void start(const std::vector<std::string_view>& quirks);

  /// Hears from now on of modules that are looked for without being imported. To be called once
  /// importlib.util is there.
  void hook_searches();

  /// Takes the module for one that was asked for in vain.
  void await(const std::string& name) { sources_.await(name); }

  /// What was imported. Until `forget`.
  [[nodiscard]] const ImportLog& log() const noexcept { return log_; }
  /// Forgets the records.
  void forget();

  /// Ends the threads that modules have left for which config/quirks knows how; a job that imports
  /// such a module begins them anew.
  void end_threads();

  /// Takes what compiled code asked in the trial of the preloads, for what it would have heard. To
  /// be called before `finish`.
  void note_heard(const std::vector<std::string_view>& lines) {
    zygote::note_heard(lines, quirks_, log_);
  }

  /// Takes the hooks away, brings lists and sys.modules back to how they were, and fills the
  /// process's stash. Throws pybind11::error_already_set.
  void finish();

  [[nodiscard]] const SourceFiles& sources() const noexcept { return sources_; }
  [[nodiscard]] std::size_t module_count() const noexcept { return count_; }

 private:
  /// A function of the interpreter with the recorder's own in its place.
  struct Hook {
    pybind11::object owner;
    const char* name;
    pybind11::object original;
    pybind11::object replacement;
  };

  /// Puts `replacement` in the place of the owner's function, which it returns.
  pybind11::object hook(const pybind11::object& owner, const char* name,
                        pybind11::object replacement);
  void hook_imports();
  void hook_lazy_imports();
  void note_callbacks(const pybind11::args& arguments);
  void hook_registrations();
  void hook_environment();
  void note_absent(const std::string& name);
  void note_groups();
  pybind11::object load(const pybind11::object& name, const pybind11::object& import,
                        const pybind11::kwargs& keywords);
  pybind11::object import(const pybind11::args& arguments, const pybind11::kwargs& keywords);
  pybind11::object import_lazily(const pybind11::args& arguments, const pybind11::kwargs& keywords);
  void request_names(const std::string& package, const pybind11::object& module,
                     const pybind11::object& names);
  void note_changes();
  void replace_kept_hooks();

  ImportLog log_;
  ExtensionImports extensions_{log_};
  Quirks quirks_;
  std::set<std::string> ended_threads_;  // of these modules
  SourceFiles sources_;
  ChangeLog changes_{log_, quirks_};
  LazyImports lazy_{log_};
  CodecWatch codecs_;
  TakenNames taken_{quirks_};
  QuestionLog questions_{log_, quirks_, changes_, sources_};
  std::vector<Hook> hooks_;
  pybind11::object original_load_, original_import_, original_lazy_import_, original_register_;
  pybind11::object original_data_;  // of os.environ
  pybind11::object atexit_;
  pybind11::dict caches_before_;
  bool active_ = true;  // a module may have kept the hooks
  std::size_t count_ = 0;
};

}  // namespace pml::zygote
