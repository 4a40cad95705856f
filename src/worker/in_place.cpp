#include "worker/in_place.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/exit_status.hpp"
#include "image/switch.hpp"
#include "image/writer.hpp"
#include "wire/channel.hpp"
#include "wire/reply.hpp"
#include "wire/zygote_message.hpp"
#include "worker/compat/config.hpp"
#include "worker/compat/frames.hpp"
#include "worker/context.hpp"
#include "worker/filter_watch.hpp"
#include "worker/finish.hpp"
#include "worker/identity.hpp"
#include "worker/interpreter.hpp"
#include "worker/placement.hpp"
#include "worker/process_title.hpp"
#include "worker/program.hpp"
#include "worker/python.hpp"
#include "worker/stash.hpp"
#include "worker/worker.hpp"

namespace pml::worker {

namespace {

/// What an image keeps for those who are restored from it.
struct Kept {
  image::Registers registers;
  std::string executable;  ///< the interpreter's file
  char name[16] = {};      ///< of the thread
};

Kept& kept() {
  static auto* const instance = new Kept;
  return *instance;
}

/// The client, as the restored process finds it.
struct Origin {
  std::string body;
  std::string report;
  base::UniqueFd connection;
  base::UniqueFd trace;
  bool may_execute = true;
};

/// Takes over what the client has left, and its memory goes.
Origin take_over(const image::Restored& restored) {
  Origin client;
  client.body.assign(restored.body, static_cast<std::size_t>(restored.body_size));
  client.report.assign(restored.report, static_cast<std::size_t>(restored.report_size));
  client.connection = base::UniqueFd(base::k_adopt, restored.connection);
  client.trace = base::UniqueFd(base::k_adopt, restored.trace);
  client.may_execute = restored.may_execute != 0;
  const image::Span parts[] = {restored.client[0], restored.client[1], restored.client[2]};
  for (const image::Span& part : parts)
    ::munmap(reinterpret_cast<void*>(part.start),  // NOLINT
             static_cast<std::size_t>(part.end - part.start));
  return client;
}

void tell_service(const Origin& client, std::int32_t what, std::int32_t value) {
  const wire::ClientSignal message{what, value};
  (void)wire::send_some(client.connection.borrow(),
                        {reinterpret_cast<const char*>(&message), sizeof message}, {},
                        MSG_DONTWAIT);
}

/// Executes python3 with what the caller gave: nothing of the context was changed but how signals
/// are met.
[[noreturn]] void execute_python(const wire::Request& request) {
  const std::vector<std::string> words = original_words(request);
  std::vector<char*> arguments, variables;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  for (const std::string_view entry : request.environment)
    variables.push_back(const_cast<char*>(entry.data()));  // a NUL is behind it
  arguments.push_back(nullptr);
  variables.push_back(nullptr);
  for (int number = 1; number <= 64; ++number)
    if ((request.ignored_signals >> (number - 1) & 1) == 0) ::signal(number, SIG_DFL);
  apply_blocked_signals(request);
  ::execve(baseline().executable.c_str(), arguments.data(), variables.data());
  std::fprintf(stderr, "pml: cannot execute %s\n", baseline().executable.c_str());
  ::_exit(base::k_exit_config);
}

void say(base::BorrowedFd to, const std::string& text) {
  const std::string line = "pml: " + text + "\n";
  (void)!::write(to.get(), line.data(), line.size());
}

[[noreturn]] void decline(const Origin& client, const wire::Request& request,
                          const Objection& objection) {
  tell_service(client, wire::k_in_place_declined, static_cast<std::int32_t>(objection.refusal));
  std::string why(wire::sentence_of(objection.refusal));
  if (!objection.detail.empty()) why += " (" + objection.detail + ")";
  if (client.trace.valid())
    say(client.trace.borrow(),
        "cold: " + std::string(wire::name_of(objection.refusal)) + ": " + why);
  if (!client.may_execute) {
    say(base::BorrowedFd(STDERR_FILENO), why);
    ::_exit(base::k_exit_unavailable);
  }
  execute_python(request);
}

/// What each process has of its own, and a fork would have given it.
void renew_process() {
  ::prctl(PR_SET_NAME, kept().name, 0, 0, 0);
  compat::renew_thread_number_of_state();
  renew_identity();
  remember_filters();
}

[[noreturn]] void run_in_place(const image::Restored& restored) {
  Origin client = take_over(restored);
  const auto request = wire::decode_request(client.body);
  if (!request) ::_exit(base::k_exit_software);  // it was encoded by this very release
  if (!adopt_memory_map(kept().executable.c_str()))
    decline(client, *request, {wire::Refusal::context, "memory map"});
  renew_process();
  const Environment caller(request->environment);
  RunOptions options;
  if (const auto objection = judge_job(*request, caller, options))
    decline(client, *request, *objection);
  if (const auto part = check_own_context(*request))
    decline(client, *request, {wire::Refusal::context, *part});
  if (const auto objection = become_job(*request, caller, options))
    decline(client, *request, *objection);
  tell_service(client, wire::k_in_place_begins, 0);
  const EndReport report{std::move(client.report), ::getpid()};
  client.connection.reset();
  client.trace.reset();
  apply_blocked_signals(*request);
  stash().guard().start();
  const Outcome outcome = run_program(*request);
  finish(outcome, report);
}

std::string own_executable() {
  char path[4096];
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
  return {path, size > 0 ? static_cast<std::size_t>(size) : 0};
}

/// Why the process cannot be restored elsewhere, as far as its memory does not tell.
const char* obstacle(base::BorrowedFd link) {
  if (has_profile_path()) return "the profile has a path of its own";
  for (const int number : open_descriptors())
    if (number > 2 && number != link.get()) return "an open descriptor";
  return nullptr;
}

[[noreturn]] void send_image(base::BorrowedFd link) {
  wire::Verdict verdict{wire::VerdictKind::imaged, 0, {}};
  image::Written written;
  written.refusal = obstacle(link);
  if (written.refusal == nullptr) written = image::write(kept().registers);
  std::string why;
  if (!written.image.valid()) {
    why = written.refusal != nullptr ? written.refusal : "it failed";
    if (written.detail[0] != '\0') why += std::string(": ") + written.detail;
    verdict = {wire::VerdictKind::not_imaged, 0, why};
  }
  const int number = written.image.get();
  (void)wire::send_some(link, wire::encode(verdict),
                        std::span<const int>(&number, written.image.valid() ? 1 : 0));
  ::_exit(0);
}

}  // namespace

void be_imaged(base::UniqueFd link) {
  kept().executable = own_executable();
  ::prctl(PR_GET_NAME, kept().name, 0, 0, 0);
  if (const image::Restored* const restored = pml_image_note(&kept().registers))
    run_in_place(*restored);
  send_image(link.borrow());
}

}  // namespace pml::worker
