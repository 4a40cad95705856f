#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ahead/facts.hpp"
#include "ahead/messages.hpp"
#include "ahead/questions.hpp"
#include "base/unique_fd.hpp"
#include "wire/request.hpp"
#include "worker/finish.hpp"
#include "worker/python.hpp"

namespace pml::zygote::ahead {

using pml::ahead::Becomes;
using pml::ahead::Fact;
using pml::ahead::FactKind;

/// How far the process is with its program.
enum class Phase { before, in_template, in_worker, served };

/// A variable that the program itself has set, or removed where there is no value.
struct VariableChange {
  std::string name;
  std::optional<std::string> value;
};

/// A call of reconfigure of a standard stream.
struct StreamSetting {
  worker::Ref stream;
  worker::Ref values;  ///< a dict
};

/// A folder that is made when the program has its caller.
struct NewFolder {
  std::string path;
  mode_t mode = 0;
};

/// The one program that this process runs ahead, and all that it has asked. The GIL is held by
/// whoever touches it.
struct Course {
  Phase phase = Phase::before;
  int quiet = 0;  ///< not 0: what is asked is asked by pml itself
  base::UniqueFd link;
  pml::ahead::Plan plan;
  wire::Request request;  ///< the last caller's; points into `plan`

  std::set<Fact> facts;
  std::map<std::string, pml::ahead::Identity> files;
  std::vector<VariableChange> python_changes;  ///< of os.environ
  std::vector<VariableChange> c_changes;       ///< of environ(7)
  std::set<std::string> own_variables;         ///< what it set before it was asked for
  void* asked_address = nullptr;               ///< of the C function whose call was asked for last
  std::set<std::string> own_files;             ///< that it makes and removes: nobody's concern
  std::vector<StreamSetting> stream_settings;  ///< in the order of the calls
  std::vector<NewFolder> new_folders;          ///< in the order of their making
  std::vector<worker::Ref> system_seeded;      ///< generators that each process seeds for itself
  std::vector<worker::Ref> fixed_seeded;       ///< generators that the program gave a seed
  bool renews_multiprocessing = false;
  bool asks_arguments = false;     ///< the question is about the words behind sys.argv[0]
  bool knows_arguments = false;    ///< it was told them, to go on with
  bool knows_tried_ones = false;   ///< and a trial has gone on with the same
  bool runs_unheard_code = false;  ///< compiled code was loaded that may do what nobody hears: past
                                   ///< its arguments the program is not run ahead
  bool untried = false;            ///< the question is about compiled code that no trial knows
  std::uint64_t start_usec = 0;    ///< CLOCK_MONOTONIC
  std::uint64_t processor_usec_before = 0;    ///< of the template
  std::uint64_t start_usec_of_processor = 0;  ///< until the program's first instruction
  worker::EndReport end_report;
};
[[nodiscard]] Course& course();

/// While one lives, nothing is heard.
class Quiet {
 public:
  Quiet() noexcept { ++course().quiet; }
  ~Quiet() { --course().quiet; }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;
};

/// Whether a question that comes now is the program's, and it has no caller yet.
[[nodiscard]] bool listening() noexcept;

/// Answered as with the last caller: to be compared.
void note(FactKind kind, int number = 0, std::string name = {});

/// Answered with what lies there now. A relative path is a question about the folder, too. Stops,
/// or lets the template stop, where the path is none of an ordinary file or folder.
void note_path(const std::string& path, std::string_view what);

/// The same where nothing is asked but what kind of thing lies there: of a folder no more is noted.
void note_kind_of_path(const std::string& path, std::string_view what);

/// What a question of that kind does: nothing, or it stops. `what` is for people. Comes back in a
/// worker; where all stops, only when that has taken its caller's context.
void ask(Becomes becomes, const std::string& what);

/// Stops before compiled code, unless a trial has heard all of it (Plan::tried); in a trial, notes
/// it. `tried`: as in the plan; `what`: for people.
void ask_compiled(const std::string& tried, Becomes becomes, const std::string& what);
/// Whether ask_compiled would do nothing.
[[nodiscard]] bool is_tried(const std::string& tried);

/// Where Python code is right now, as "package/module.py:12"; empty without any.
[[nodiscard]] std::string place();

/// Whether a file of that name is one of the standard library's.
[[nodiscard]] bool is_library_file(const std::string& file);

/// Whether a line of config/ahead allows the question, as it is asked now. In a trial, what comes
/// is trusted then.
[[nodiscard]] bool is_allowed(const std::string& what);

/// Whether one of so many innermost frames is of the function, "module:function"; shell pattern.
[[nodiscard]] bool is_asked_by(const std::string& pattern, int frames);

/// A str as UTF-8; empty for what is none. Leaves no exception.
[[nodiscard]] std::string text_of(PyObject* object);

/// Of files whose reading nobody hears: the interpreter's start, the program itself.
void note_start();

}  // namespace pml::zygote::ahead
