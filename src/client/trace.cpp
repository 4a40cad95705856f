#include "client/trace.hpp"

#include <unistd.h>

#include <cstring>
#include <ctime>
#include <string>

namespace pml::client {

namespace {

std::int64_t now() noexcept {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

Trace::Trace(const char* variable) noexcept {
  if (variable == nullptr || *variable == '\0' || std::strcmp(variable, "0") == 0) return;
  enabled_ = true;
  error_ = base::duplicate(base::BorrowedFd(STDERR_FILENO), 3);
  start_ = now();
}

void Trace::note(const char* what) noexcept {
  if (count_ < marks_.size()) marks_[count_++] = {what, now()};
}

void Trace::write_line() {
  if (!enabled_ || count_ == 0) return;
  std::string line;
  for (std::size_t i = 0; i < count_; ++i) {
    if (i > 0) line += ", ";
    line += marks_[i].what;
    line += ' ';
    line += std::to_string((marks_[i].nanoseconds - start_) / 1000);
  }
  say(line + " us");
  count_ = 0;
}

void Trace::say(std::string_view text) const {
  if (enabled_) client::say(error_.borrow(), text);
}

void say(base::BorrowedFd descriptor, std::string_view text) {
  std::string line = "pml: ";
  line.append(text).push_back('\n');
  // Nobody is left to be told where this fails.
  [[maybe_unused]] const ssize_t written = ::write(descriptor.get(), line.data(), line.size());
}

}  // namespace pml::client
