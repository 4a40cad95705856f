#include "service/verifier.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/check.hpp"
#include "service/controller.hpp"

namespace pml::service {

namespace {

using Json = nlohmann::json;

/// Who starts one program starts another.
constexpr std::chrono::seconds k_rest{5};
/// A command line holds so many names of modules.
constexpr std::size_t k_most_modules = 2000;
constexpr int k_most_vain = 3;
}  // namespace

Verifier::Verifier(event::Loop& loop, Hear hear, std::function<void()> finished)
    : loop_(loop),
      hear_(std::move(hear)),
      finished_(std::move(finished)),
      rest_(loop, std::bind_front(&Verifier::start, this), std::chrono::seconds(1)) {}

Verifier::~Verifier() {
  kill();
}

void Verifier::begin(const std::string& profile, std::vector<std::string> modules) {
  kill();
  profile_ = profile;
  left_ = std::move(modules);
  rest_.disarm();
  if (!left_.empty()) rest_.arm(k_rest);
}

void Verifier::make_way() {
  kill();
  if (!left_.empty()) rest_.arm(k_rest);
}

void Verifier::stop() {
  left_.clear();
  rest_.disarm();
  kill();
}

void Verifier::start() {
  if (left_.empty() || child_ > 0) return;
  std::vector<std::string> words{"verify", "--follow", profile_};
  const std::size_t count = std::min(left_.size(), k_most_modules);
  words.insert(words.end(), left_.begin(), left_.begin() + static_cast<std::ptrdiff_t>(count));
  int ends[2];
  base::check(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), "cannot make a pipe");
  output_ = base::UniqueFd(base::k_adopt, ends[0]);
  const base::UniqueFd far(base::k_adopt, ends[1]);
  ::fcntl(far.get(), F_SETFL, 0);
  child_ = start_controller(std::move(words), far.borrow());
  killed_ = false;
  watch_ = event::Io(loop_, output_.borrow(), EPOLLIN, [this](std::uint32_t) { (void)read(); });
}

/// Returns whether there was something.
bool Verifier::read() {
  char buffer[16384];
  const ssize_t size = ::read(output_.get(), buffer, sizeof buffer);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (size <= 0) {
    watch_.reset();
    output_.reset();
    return false;
  }
  unread_.append(buffer, static_cast<std::size_t>(size));
  for (std::size_t end; (end = unread_.find('\n')) != std::string::npos;) {
    const std::string line = unread_.substr(0, end);
    unread_.erase(0, end + 1);
    take_line(line);
  }
  return true;
}

void Verifier::take_line(const std::string& line) try {
  const Json json = Json::parse(line);
  const std::string module = json.at("module");
  const auto place = std::find(left_.begin(), left_.end(), module);
  if (place == left_.end()) return;
  left_.erase(place);
  vain_ = 0;
  const Json& differences = json.at("differences");
  hear_(module, differences.empty() ? std::string() : differences.front().get<std::string>());
} catch (const Json::exception&) {
  // Not one of the words that are expected: the module is looked at again at the next start.
}

void Verifier::kill() noexcept {
  watch_.reset();
  output_.reset();
  unread_.clear();
  killed_ = child_ > 0;
  if (killed_) ::kill(-child_, SIGKILL);
}

bool Verifier::owns(pid_t client) const noexcept {
  return child_ > 0 && ::getpgid(client) == child_;
}

bool Verifier::reaped(pid_t pid) {
  if (pid != child_) return false;
  while (output_.valid() && read()) {
  }
  watch_.reset();
  output_.reset();
  unread_.clear();
  child_ = -1;
  if (left_.empty()) {
    finished_();
  } else if (killed_ || ++vain_ < k_most_vain) {
    rest_.arm(k_rest);
  }
  return true;
}

std::string Verifier::activity() const {
  if (child_ <= 0) return {};
  return "verifying modules (" + std::to_string(left_.size()) + " left)";
}

}  // namespace pml::service
