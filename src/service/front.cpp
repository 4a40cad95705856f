#include "service/front.hpp"

#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "wire/channel.hpp"

namespace pml::service {

namespace {

using std::chrono::milliseconds;

constexpr int k_accepts_a_turn = 32;
constexpr std::size_t k_most_sessions = 256;
constexpr std::size_t k_most_buffered = 128U << 20;
constexpr std::uint64_t k_patience_usec = 5000000;
/// Pause of accepting when the process has no descriptor left.
constexpr milliseconds k_crowded{100};

/// How many descriptors unfinished requests may hold. The other half is for those that are whole
/// when they arrive, which would be cut short by the kernel if the table were full.
std::size_t most_held() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return std::numeric_limits<std::size_t>::max();
  return static_cast<std::size_t>(limit.rlim_cur / 2);
}

}  // namespace

Front::Front(event::Loop& loop, RequestTaker& taker)
    : loop_(loop),
      taker_(taker),
      expiry_(
          loop, [this] { expire(); }, milliseconds(100)),
      crowded_(loop,
               [this] {
                 for (Listener& listener : listeners_) listener.watch.resume();
               }),
      sweep_(loop, [this] { done_.clear(); }) {}

void Front::listen(base::UniqueFd socket) {
  const base::BorrowedFd number = socket.borrow();
  Listener listener{std::move(socket), {}};
  listener.watch =
      event::Io(loop_, number, EPOLLIN, [this, number](std::uint32_t) { accept_some(number); });
  listeners_.push_back(std::move(listener));
}

void Front::accept_waiting() {
  for (Listener& listener : listeners_)
    while (accept_some(listener.socket.borrow())) {
    }
}

void Front::close() {
  for (Listener& listener : listeners_) listener.watch.reset();
  listeners_.clear();
  crowded_.disarm();
  while (!sessions_.empty()) sessions_.front()->expire();
}

bool Front::accept_some(base::BorrowedFd socket) {
  for (int i = 0; i < k_accepts_a_turn; ++i) {
    base::UniqueFd connection(
        base::k_adopt, ::accept4(socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (connection.valid()) {
      if (!greet(std::move(connection))) return true;
      continue;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      for (Listener& listener : listeners_) listener.watch.pause();
      crowded_.arm(k_crowded);
    }
    if (errno != ECONNABORTED && errno != EINTR) return false;
  }
  return true;
}

bool Front::greet(base::UniqueFd connection) {
  Client client;
  client.connection = std::move(connection);
  const Gatekeeper::Verdict verdict = gate_.examine(client.connection.borrow());
  client.pid = verdict.pid;
  wire::Received first = wire::receive(client.connection.borrow(), receive_buffer(), MSG_DONTWAIT);
  const std::string_view bytes(receive_buffer().data(), first.size);
  if (verdict.denial) {
    client.text = first.size > 0 && bytes.front() != wire::k_magic[0];
    taker_.turn_away(client, verdict.denial->reason, verdict.denial->detail);
    return true;
  }
  if (first.error != EAGAIN && !first.truncated &&
      take_frame(taker_, client, bytes, first.descriptors))
    return true;
  keep(std::move(client), std::move(first));
  return false;
}

void Front::keep(Client client, wire::Received first) {
  if (first.error == 0 && first.size == 0) return;  // gone again: a probe
  if (sessions_.size() >= k_most_sessions) sessions_.front()->expire();
  sessions_.push_back(std::make_unique<Session>(loop_, *this, taker_, std::move(client)));
  if (sessions_.size() == 1) rearm();
  sessions_.back()->received(std::move(first));
}

void Front::expire() {
  const std::uint64_t now = event::Loop::now();
  while (!sessions_.empty() && now - sessions_.front()->began() >= k_patience_usec)
    sessions_.front()->expire();
  rearm();
}

void Front::rearm() {
  if (sessions_.empty()) {
    expiry_.disarm();
    return;
  }
  const std::uint64_t age = event::Loop::now() - sessions_.front()->began();
  expiry_.arm(std::chrono::microseconds(k_patience_usec - std::min(age, k_patience_usec)));
}

void Front::session_done(Session& session) {
  const auto found = std::find_if(sessions_.begin(), sessions_.end(),
                                  [&](const auto& item) { return item.get() == &session; });
  if (found == sessions_.end()) return;
  buffered_ -= session.size();
  done_.splice(done_.end(), sessions_, found);
  if (sessions_.empty()) expiry_.disarm();  // an idle service is woken by nothing
  sweep_.ask();
}

bool Front::may_buffer(std::size_t more) {
  return buffered_ + more <= k_most_buffered;
}

bool Front::may_hold(Session& session, std::size_t more) {
  const auto held = [&](const std::unique_ptr<Session>& item) {
    return item->held() + (item.get() == &session ? more : 0);
  };
  for (;;) {
    std::size_t all = 0;
    for (const auto& item : sessions_) all += held(item);
    if (all <= most_held()) return true;
    const auto most = std::max_element(
        sessions_.begin(), sessions_.end(),
        [&](const auto& left, const auto& right) { return held(left) < held(right); });
    if (most->get() == &session) return false;
    (*most)->expire();
  }
}

}  // namespace pml::service
