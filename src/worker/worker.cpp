#include "worker/worker.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "wire/channel.hpp"
#include "wire/reply.hpp"
#include "wire/request.hpp"
#include "wire/zygote_message.hpp"
#include "worker/compat/config.hpp"
#include "worker/compat/main_module.hpp"
#include "worker/context.hpp"
#include "worker/derived_variables.hpp"
#include "worker/early_imports.hpp"
#include "worker/end_rehearsal.hpp"
#include "worker/filter_watch.hpp"
#include "worker/finish.hpp"
#include "worker/fitness.hpp"
#include "worker/identity.hpp"
#include "worker/interpreter.hpp"
#include "worker/kept_file.hpp"
#include "worker/login_user.hpp"
#include "worker/placement.hpp"
#include "worker/process_title.hpp"
#include "worker/program.hpp"
#include "worker/python.hpp"
#include "worker/stash.hpp"
#include "worker/streams.hpp"
#include "worker/terminal.hpp"

namespace pml::worker {

bool tell_client(base::BorrowedFd connection, const wire::Reply& reply) {
  const std::string frame = wire::encode_frame(reply);
  return wire::send_some(connection, frame) == static_cast<long>(frame.size());
}

std::optional<Objection> take_context(const wire::Request& request, wire::Job& job,
                                      base::UniqueFd& link, std::span<const int> fixed) {
  int cwd = -1;
  for (std::size_t i = 0; i < request.descriptors.size(); ++i)
    if (request.descriptors[i] == wire::k_descriptor_cwd) cwd = job.descriptors[i].get();
  if (const auto part = apply_context(request, cwd))
    return Objection{wire::Refusal::context, *part};
  for (std::size_t i = 0; i < request.descriptors.size(); ++i)
    if (request.descriptors[i] == wire::k_descriptor_cwd) job.descriptors[i].reset();
  base::UniqueFd* const keep[] = {&job.connection, &link};
  if (kept_file() >= 0 && std::find(request.descriptors.begin(), request.descriptors.end(),
                                    kept_file()) != request.descriptors.end())
    return Objection{wire::Refusal::context, "a number that a library has taken"};
  const int error = place_all(job.descriptors, request.descriptors, keep, fixed);
  if (error == EEXIST) return Objection{wire::Refusal::context, "a number that a module has taken"};
  if (error != 0)
    return Objection{wire::Refusal::context, std::string("descriptors: ") + std::strerror(error)};
  if (!apply_descriptor_limit(request))
    return Objection{wire::Refusal::context, "limit of open files"};
  struct stat info = {};
  if (::fstat(0, &info) == 0 && S_ISDIR(info.st_mode))
    return Objection{wire::Refusal::context, "standard input is a folder"};
  return std::nullopt;
}

void renew_main() {
  const Ref main = Ref::steal(PyModule_New("__main__"));
  PyObject* globals = PyModule_GetDict(main.get());
  PyDict_Clear(globals);
  PyDict_Update(globals, baseline().main_globals.get());
  compat::renew_annotations(globals);
  PyDict_SetItemString(PyImport_GetModuleDict(), "__main__", main.get());
}

bool has_profile_path() {
  const auto& environment = baseline().environment;
  return std::any_of(environment.begin(), environment.end(),
                     [](const std::string& entry) { return entry.starts_with("PYTHONPATH="); });
}

namespace {

constexpr int k_status_declined = 0;  // the client never sees it

std::vector<int> g_fixed_descriptors;  // opened by modules imported after the fork

[[noreturn]] void decline(wire::Job& job, base::UniqueFd& link, const Objection& objection) {
  wire::Reply reply;
  reply.kind = wire::ReplyKind::refused;
  reply.value = static_cast<std::int32_t>(objection.refusal);
  reply.text = objection.detail;
  // With a path of the profile's own, only pml-cold can start python3.
  if (!has_profile_path()) reply.interpreter = baseline().executable;
  (void)tell_client(job.connection.borrow(), reply);
  (void)wire::send_some(link.borrow(),
                        wire::encode(wire::Verdict{.kind = wire::VerdictKind::declined,
                                                   .value = reply.value,
                                                   .text = reply.text,
                                                   .misled = objection.misled,
                                                   .variable = objection.variable}));
  ::_exit(k_status_declined);
}

/// The caller's user site folder is part of sys.path: another home, other packages.
std::optional<Objection> check_home(const RunOptions& options) {
  const std::string suffix = std::string("/.local/lib/") + compat::k_folder_name + "/site-packages";
  const auto home = derived_value(k_home, [&](const std::string&) { return options.home; });
  const std::string folder = home.value_or("") + suffix;
  struct stat info = {};
  const bool exists = home && ::stat(folder.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  for (const std::string& entry : baseline().path)
    if (entry.ends_with(suffix) && !(exists && entry == folder))
      return Objection{wire::Refusal::environment, "HOME"};
  const auto& path = baseline().path;
  if (exists && std::find(path.begin(), path.end(), folder) == path.end())
    return Objection{wire::Refusal::environment, "HOME: " + folder};
  return std::nullopt;
}

/// Says which variable the preload read that the caller has otherwise.
Objection objection_to_variable(const StashEntry& entry, const VariableOf& variable) {
  for (const auto& [name, value] : entry.read_variables) {
    if (derived_value(name, variable) == value) continue;
    const std::string read = variable_behind(name);
    const auto callers = variable(read);
    return {wire::Refusal::environment, read + ", read by " + entry.name, entry.name,
            callers ? read + "=" + *callers : read};
  }
  return {wire::Refusal::environment, entry.name, entry.name, {}};
}

/// Preloads that would not be what a fresh import gives: dropped, or a reason to step aside.
std::optional<Objection> check_preloads(const wire::Request& request, const RunOptions& options,
                                        const Environment& caller) {
  Stash& all = stash();
  const VariableOf variable = [&caller](const std::string& name) -> std::optional<std::string> {
    const auto value = caller.get(name);
    return value ? std::optional<std::string>(*value) : std::nullopt;
  };
  const auto value_of = [&](const std::string& name) { return derived_value(name, variable); };
  if (const auto culprit = all.drop(all.misled_by(value_of)))
    return objection_to_variable(all.at(*culprit), variable);
  if (const auto culprit = all.drop(all.estranged_by(options))) {
    const std::string& module = all.at(*culprit).name;
    return Objection{wire::Refusal::context, "what " + module + " asked of the process", module};
  }
  std::vector<std::string> folders = options.python_path;
  const auto own = program_folder(request);
  if (own) folders.push_back(*own);
  if (auto objection = early_imports().objection(variable, options, folders)) return objection;
  for (const std::string& folder : folders) {
    struct stat info = {};
    if (::stat(folder.empty() ? "." : folder.c_str(), &info) != 0) continue;
    if (!S_ISDIR(info.st_mode)) continue;  // an archive: looked into when a module is imported
    if (const auto culprit = all.drop(all.shadowed_by(folder, own && folder == *own)))
      return Objection{wire::Refusal::shadowed, all.at(*culprit).name};
  }
  return std::nullopt;
}

/// A folder in front of the path acts before the program does where it holds customization modules,
/// or modules that every start imports.
std::optional<Objection> check_customization(const RunOptions& options) {
  struct stat info = {};
  std::vector<std::string> names = baseline().startup;
  names.insert(names.end(), {"sitecustomize", "usercustomize"});
  for (const std::string& folder : options.python_path)
    for (const std::string& name : names)
      for (const char* end : {".py", ".pyc", "/__init__.py"})
        if (const std::string file = (folder.empty() ? "." : folder) + "/" + name + end;
            ::stat(file.c_str(), &info) == 0)
          return Objection{wire::Refusal::shadowed, file};
  return std::nullopt;
}

}  // namespace

std::optional<Objection> judge_job(const wire::Request& request, const Environment& caller,
                                   RunOptions& options) {
  Fitness fitness =
      judge(request, caller, started_with(), stash().computes(), compat::k_interpreter);
  if (fitness.objection) return fitness.objection;
  options = std::move(fitness.options);
  options.program_folder = program_folder(request);
  if (!adopt_locale(options.locale))
    return Objection{wire::Refusal::environment, "locale " + options.locale.name};
  return check_home(options);
}

std::optional<Objection> become_job(const wire::Request& request, const Environment& caller,
                                    const RunOptions& options) {
  if (auto objection = check_preloads(request, options, caller)) return objection;
  if (auto objection = check_customization(options)) return objection;
  if (become(request, options)) return std::nullopt;
  PyErr_Clear();
  return Objection{wire::Refusal::context, "interpreter state"};
}

namespace {

[[noreturn]] void run_job(wire::Job& job, base::UniqueFd& link) {
  const auto request = wire::decode_request(job.body);
  if (!request || request->descriptors.size() != job.descriptors.size())
    decline(job, link, {wire::Refusal::malformed, ""});
  const Environment caller(request->environment);
  RunOptions options;
  if (const auto objection = judge_job(*request, caller, options)) decline(job, link, *objection);
  if (auto terminal = take_terminal(*request, job.descriptors))
    if (!enter_terminal(std::move(*terminal), (request->flags & wire::k_flag_group_leader) != 0,
                        link.borrow()))
      decline(job, link, {wire::Refusal::terminal, "no session on it"});
  if (const auto objection = take_context(*request, job, link, g_fixed_descriptors))
    decline(job, link, *objection);
  // From here on relative names mean the caller's.
  if (const auto objection = become_job(*request, caller, options)) decline(job, link, *objection);
  adopt_login_user(job.connection.borrow());
  const EndReport report{std::string(request->report_name), ::getpid()};
  wire::Reply started;
  started.kind = wire::ReplyKind::started;
  started.value = report.pid;
  // A client that has gone has not committed to this run.
  if (!tell_client(job.connection.borrow(), started)) ::_exit(k_status_declined);
  (void)wire::send_some(link.borrow(),
                        wire::encode(wire::Verdict{wire::VerdictKind::accepted, 0, {}}));
  job.connection.reset();
  link.reset();
  apply_blocked_signals(*request);
  stash().guard().start();
  const Outcome outcome = run_program(*request);
  finish(outcome, report);
}

/// Of a job that asks for nothing.
wire::Request plainest_request() {
  wire::Request request;
  request.kind = wire::ProgramKind::command;
  request.target = "pass";
  request.environment.assign(baseline().environment.begin(), baseline().environment.end());
  return request;
}

bool has_job(base::BorrowedFd link) noexcept {
  pollfd entry{link.get(), POLLIN, 0};
  return ::poll(&entry, 1, 0) > 0;
}

void rehearse_imports() {
  stash().rehearse();
}

/// What the rehearsal has changed and put back is looked at now, and not when a job is there.
void rehearse_guard() {
  stash().guard().rehearse();
}

/// Everything a job's start does; the real one does it all again.
void rehearse_start() {
  const std::string body = wire::encode(plainest_request());
  std::string packet(sizeof(wire::JobHeader) + body.size(), '\0');  // as it comes
  asm volatile("" : : "r"(packet.data()) : "memory");
  const auto decoded = wire::decode_request(body);
  const Environment caller(decoded->environment);
  const Fitness fitness =
      judge(*decoded, caller, started_with(), stash().computes(), compat::k_interpreter);
  // The worker's own folder may hold files by the names of preloads; the job has another.
  std::vector<EntryState> states = stash().states();
  (void)check_preloads(*decoded, fitness.options, caller);
  stash().set_states(std::move(states));
  (void)become(*decoded, fitness.options);
}

/// For whoever looks at the processes: the rehearsal has left a program's words there.
void show_idle() {
  const auto& environment = baseline().environment;
  set_title_and_environment({baseline().executable, "(pml: idle worker)"},
                            {environment.begin(), environment.end()});
}

/// What a program's run and its end do: the pages that it takes are touched for the first time
/// here.
constexpr const char* k_rehearsal = R"(
class A:
    def f(self, *a, **k):
        return [str(x) for x in a]
    def __enter__(self):
        return self
    def __exit__(self, *e):
        pass
with A() as a:
    a.f(1, 2.0, 'x')
s = set()
s.difference_update([x for x in list(s) if x])
try:
    {}['x']
except KeyError:
    pass
)";

/// What many programs have the interpreter call of the C library first: the dynamic linker looks it
/// up at the first call.
constexpr const char* k_first_calls = R"(
import posix, time
compile('import a.b', '', 'exec')
null = posix.open('/dev/null', posix.O_WRONLY | posix.O_CLOEXEC)
posix.write(null, b'')
posix.close(null)
posix.lstat('/')
posix.access('/', posix.F_OK)
posix.getpid()
time.sleep(0)
try:
    posix.register_at_fork(before=None)
except TypeError:
    pass
posix.getcwd()
)";

void run_text(const char* text) {
  const Ref globals = Ref::steal(PyDict_New());
  PyDict_SetItemString(globals.get(), "__builtins__", PyEval_GetBuiltins());
  Ref::steal(PyRun_String(text, Py_file_input, globals.get(), globals.get()));
}

void rehearse_run() {
  run_text(k_rehearsal);
  char depth[8192];  // the stack pages that a job's first calls reach
  std::memset(depth, 0, sizeof depth);
  asm volatile("" : : "r"(depth) : "memory");
}

void rehearse_job() {
  rehearse_start();
  rehearse_run();
  rehearse_end();
}

}  // namespace

RunOptions own_options() {
  return judge(plainest_request(), started_with(), started_with(), stash().computes(),
               compat::k_interpreter)
      .options;
}

void rehearse_in_zygote() {
  renew_identity();
  run_text(k_first_calls);
  PyErr_Clear();
  rehearse_job();
  stash().forget_folders();  // the first that a process looks at makes a page its own
  PyErr_Clear();
  show_first_title();
}

bool rehearse(const std::vector<std::string>& after_fork, base::BorrowedFd link) {
  renew_identity();
  if (!after_fork.empty()) {
    g_fixed_descriptors = import_early(after_fork);
    renew_random_numbers();  // one may have given a seed, which the others' jobs must not have
  }
  renew_main();
  // A rehearsal costs as much as the job's own start. Who waits already is served without.
  bool whole = true;
  for (void (*step)() : {rehearse_imports, rehearse_job, rehearse_guard}) {
    if (has_job(link))
      whole = false;
    else
      step();
  }
  PyErr_Clear();
  // What the rehearsal made stays; the job's own objects are all that its end looks at.
  Ref::steal(PyObject_CallNoArgs(baseline().freeze.get()));
  renew_main();
  remember_own_context();
  remember_filters();
  show_idle();
  return whole;
}

void serve_one(base::UniqueFd link) {
  try {
    auto job = wire::receive_job(link.borrow());
    if (!job || job->arguments_only) ::_exit(0);
    run_job(*job, link);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "pml: worker: %s\n", problem.what());
  }
  ::_exit(70);
}

}  // namespace pml::worker
