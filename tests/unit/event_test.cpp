// Handles on event sources, and what is told by datagrams and timers through them.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "event/source.hpp"
#include "service/end_reports.hpp"
#include "service/late_imports.hpp"
#include "service/pool_renewal.hpp"
#include "temporary_folder.hpp"
#include "wire/reply.hpp"

namespace pml::event {
namespace {

using Words = std::vector<std::string>;
using std::chrono::microseconds;

struct Pipe {
  Pipe() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    out = base::UniqueFd(base::k_adopt, ends[0]);
    in = base::UniqueFd(base::k_adopt, ends[1]);
  }
  void write() const { EXPECT_EQ(::write(in.get(), "x", 1), 1); }
  base::UniqueFd out, in;
};

class EventTest : public testing::Test {
 protected:
  /// Runs until nothing is pending any more.
  void settle() {
    while (sd_event_run(loop_.get(), 0) > 0) {
    }
  }
  Loop loop_;
  Words said_;
};

TEST_F(EventTest, AHandleThatGoesTakesItsSourceAlong) {
  const Pipe pipe;
  pipe.write();
  {
    const Io io(loop_, pipe.out.borrow(), EPOLLIN, [&](std::uint32_t) { said_.push_back("io"); });
  }
  settle();
  EXPECT_EQ(said_, Words{});
}

TEST_F(EventTest, AHandleThatMovesIsTheSameSource) {
  const Pipe pipe;
  Io io;
  EXPECT_FALSE(io.valid());
  char byte = 0;
  io = Io(loop_, pipe.out.borrow(), EPOLLIN, [&](std::uint32_t) {
    EXPECT_EQ(::read(pipe.out.get(), &byte, 1), 1);
    said_.push_back("io");
  });
  Io other = std::move(io);
  EXPECT_TRUE(other.valid());
  EXPECT_FALSE(io.valid());  // NOLINT: that is the point
  pipe.write();
  settle();
  EXPECT_EQ(said_, Words{"io"});
}

TEST_F(EventTest, ACallbackMayDestroyItsHandle) {
  const Pipe pipe;
  pipe.write();
  auto io = std::make_unique<Io>();
  const auto kept = std::make_shared<std::string>("kept");
  *io = Io(loop_, pipe.out.borrow(), EPOLLIN, [&, kept](std::uint32_t) {
    io.reset();
    said_.push_back(*kept);  // what it holds is there until it returns
  });
  settle();
  EXPECT_EQ(said_, Words{"kept"});
}

TEST_F(EventTest, ACallbackMayReplaceItsHandle) {
  Deferred deferred;
  deferred = Deferred(loop_, [&] {
    said_.push_back("one");
    deferred = Deferred(loop_, [&] { said_.push_back("two"); });
    deferred.ask();
  });
  deferred.ask();
  settle();
  EXPECT_EQ(said_, (Words{"one", "two"}));
}

TEST_F(EventTest, PausedOnesHearNothingUntilTheyGoOn) {
  const Pipe pipe;
  pipe.write();
  char byte = 0;
  Io io(loop_, pipe.out.borrow(), EPOLLIN, [&](std::uint32_t) {
    EXPECT_EQ(::read(pipe.out.get(), &byte, 1), 1);
    said_.push_back("io");
  });
  io.pause();
  settle();
  EXPECT_EQ(said_, Words{});
  io.resume();
  settle();
  EXPECT_EQ(said_, Words{"io"});
}

TEST_F(EventTest, WhatIsDeferredComesBehindAllElse) {
  const Pipe pipe;
  pipe.write();
  char byte = 0;
  Deferred deferred(loop_, [&] { said_.push_back("deferred"); });
  const Io io(loop_, pipe.out.borrow(), EPOLLIN, [&](std::uint32_t) {
    EXPECT_EQ(::read(pipe.out.get(), &byte, 1), 1);
    said_.push_back("io");
  });
  deferred.ask();
  settle();
  EXPECT_EQ(said_, (Words{"io", "deferred"}));
  settle();
  EXPECT_EQ(said_.size(), 2U);  // once for each time it was asked for
}

TEST_F(EventTest, ATimerFiresOnceForEachTimeItIsArmed) {
  Timer timer(loop_, [&] {
    said_.push_back("timer");
    loop_.exit(3);
  });
  EXPECT_FALSE(timer.armed());
  timer.arm(microseconds(0));
  EXPECT_TRUE(timer.armed());
  EXPECT_EQ(loop_.run(), 3);
  EXPECT_FALSE(timer.armed());
  EXPECT_EQ(said_, Words{"timer"});
}

TEST_F(EventTest, ADisarmedTimerDoesNotFireAndThoseOfNoLoopDoNothing) {
  Timer timer(loop_, [&] { said_.push_back("timer"); });
  timer.arm(microseconds(0));
  timer.disarm();
  settle();
  EXPECT_EQ(said_, Words{});
  Timer none;
  none.arm(microseconds(0));
  none.disarm();
  EXPECT_FALSE(none.armed());
}

TEST_F(EventTest, ASignalIsHeardAndDoesNothingElse) {
  const Signal signal(loop_, SIGUSR1, [&](const signalfd_siginfo& info) {
    said_.push_back(std::to_string(info.ssi_pid == static_cast<unsigned>(::getpid())));
  });
  ASSERT_EQ(::kill(::getpid(), SIGUSR1), 0);
  settle();
  EXPECT_EQ(said_, Words{"1"});
}

Words g_failures;  // NOLINT: of the process, as the handler is

TEST_F(EventTest, WhatACallbackThrowsIsToldAndTheLoopGoesOn) {
  g_failures.clear();
  set_failure_handler([](const char* what) noexcept { g_failures.emplace_back(what); });
  Deferred first(loop_, [] { throw std::runtime_error("first"); });
  Deferred second(loop_, [] { throw 2; });
  Deferred third(loop_, [&] { said_.push_back("third"); });
  first.ask();
  second.ask();
  third.ask();
  settle();
  set_failure_handler(nullptr);
  EXPECT_EQ(g_failures.size(), 2U);
  EXPECT_EQ(std::count(g_failures.begin(), g_failures.end(), "first"), 1);
  EXPECT_EQ(said_, Words{"third"});
}

/// As a job tells at its end.
void tell(const std::string& address, std::string_view bytes) {
  const base::UniqueFd socket(base::k_adopt, ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path + 1, address.data(), address.size());
  EXPECT_EQ(::sendto(socket.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&to),
                     static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + address.size())),
            static_cast<ssize_t>(bytes.size()));
}

TEST_F(EventTest, EndsAreToldWithTheirSender) {
  service::EndReports reports(loop_, [&](int pid, int status) {
    said_.push_back(std::to_string(pid == ::getpid()) + " " + std::to_string(status));
  });
  const std::string address = reports.address();
  ASSERT_FALSE(address.empty());
  EXPECT_EQ(reports.address(), address);
  wire::Reply reply;
  reply.kind = wire::ReplyKind::exited;
  reply.value = 7;
  tell(address, wire::encode(reply));
  tell(address, "nonsense");
  reply.kind = wire::ReplyKind::started;
  tell(address, wire::encode(reply));
  settle();
  EXPECT_EQ(said_, Words{"1 7"});
}

TEST_F(EventTest, LateImportsAreCountedByTheJobsThatTell) {
  service::LateImports imports(loop_);
  EXPECT_EQ(imports.address(), "");
  imports.open();
  ASSERT_TRUE(imports.listening());
  tell(imports.address(), "requests\nurllib3.util\n");
  tell(imports.address(), "requests");
  tell(imports.address(), "no module!\n\n../x\n" + std::string(300, 'a'));
  settle();
  ASSERT_EQ(imports.counts().size(), 2U);
  EXPECT_EQ(imports.counts()[0].module, "requests");
  EXPECT_EQ(imports.counts()[0].jobs, 2U);
  EXPECT_EQ(imports.counts()[1].module, "urllib3.util");
  imports.close();
  EXPECT_FALSE(imports.listening());
  EXPECT_EQ(imports.counts().size(), 2U);  // what was counted stays
}

TEST_F(EventTest, APoolIsStaleAtOnceAndMadeAnewOnceItsFilesAreLeftAlone) {
  const test::TemporaryFolder folder;
  const std::string file = folder.write("a.py", "1");
  service::PoolRenewal renewal(
      loop_, [&](const std::string& path) { said_.push_back(path); },
      [&] {
        said_.push_back("renewed");
        loop_.exit(0);
      });
  renewal.became_warm({file}, {1LL << 33, 0});
  folder.write("a.py", "2 and more");
  renewal.look();
  EXPECT_EQ(said_, Words{file});
  EXPECT_EQ(loop_.run(), 0);
  EXPECT_EQ(said_, (Words{file, "renewed"}));
}

TEST_F(EventTest, APoolThatIsGivenUpIsNotMadeAnew) {
  const test::TemporaryFolder folder;
  const std::string file = folder.write("a.py", "1");
  service::PoolRenewal renewal(
      loop_, [&](const std::string&) { said_.push_back("stale"); },
      [&] { said_.push_back("renewed"); });
  renewal.became_warm({file}, {1LL << 33, 0});
  renewal.stop();
  folder.write("a.py", "2 and more");
  renewal.look();
  renewal.became_warm({}, {});
  renewal.look();
  EXPECT_EQ(said_, Words{});
}

}  // namespace
}  // namespace pml::event
