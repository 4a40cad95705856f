#include "zygote/ahead/trial.hpp"

#include <dlfcn.h>
#include <unistd.h>

#include "ahead/messages.hpp"
#include "zygote/ahead/course.hpp"
#include "zygote/ahead/takeover.hpp"
#include "zygote/imports/heard.hpp"

namespace pml::zygote::ahead {

namespace {

using Attend = unsigned(unsigned);
// src/trial/record.hpp
constexpr const char* k_attend_function = "pml_recorder_attend";
constexpr unsigned k_trusting = 1, k_full = 2;

Attend* g_attend = nullptr;  // NOLINT: of the process
std::string g_tried;         // NOLINT: likewise; lines
std::string g_asker;         // NOLINT: likewise

constexpr int k_frames_below = 40;

}  // namespace

bool on_trial() noexcept {
  return course().plan.trial;
}

bool begin_trial() {
  g_attend = reinterpret_cast<Attend*>(::dlsym(RTLD_DEFAULT, k_attend_function));
  if (g_attend == nullptr) return false;
  look_at_what_comes();
  // Where there is no page, the recorder keeps nothing.
  return g_attend(k_full) == k_full && g_attend(k_trusting) == k_full &&
         g_attend(k_full) == k_trusting;
}

void note_imported(const std::string& module) {
  if (!on_trial()) return;
  const std::string past =
      course().knows_arguments ? std::string(1, pml::ahead::k_past_arguments) : "";
  tell_recorder((past + module).c_str());
}

void note_tried(const std::string& what) {
  g_tried += "tried " + what + "\n";
}

void trust_what_comes(const std::string& asker) {
  if (g_attend == nullptr) return;
  g_asker = asker;
  g_attend(k_trusting);
}

void look_at_what_comes() {
  if (g_attend == nullptr) return;
  if (!g_asker.empty() && is_asked_by(g_asker, k_frames_below)) return;
  g_asker.clear();
  g_attend(k_full);
}

Trusted::Trusted(bool heard) noexcept : active_(heard && g_attend != nullptr) {
  if (active_) before_ = g_attend(k_trusting);
}

Trusted::~Trusted() {
  if (active_) g_attend(before_);
}

bool trial_goes_on() {
  Course& own = course();
  if (own.plan.arguments.empty() || !own.asks_arguments || own.knows_arguments) return false;
  const Quiet quiet;
  own.knows_arguments = take_arguments(own.plan.arguments);
  note_imported({});
  return own.knows_arguments;
}

void end_trial(const std::string& what, const std::string& failure) {
  g_asker.clear();
  look_at_what_comes();
  const std::string text =
      (failure.empty() ? "stops " + what : "fails " + failure) + "\n" + g_tried;
  // The observer kills this process before the call is made.
  [[maybe_unused]] const ssize_t none =
      ::write(pml::ahead::k_trial_marker, text.data(), text.size());
  ::_exit(0);
}

}  // namespace pml::zygote::ahead
