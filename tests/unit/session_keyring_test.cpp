#include "base/session_keyring.hpp"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <optional>

namespace {

constexpr int k_join = 1;
constexpr long k_session = -3;

/// What `steps` make of a child's session keyring: whether it counts as used. Nothing where the
/// system has no keys.
std::optional<bool> used_after(const std::function<bool()>& steps) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(steps() ? (pml::base::used_session_keyring() != 0 ? 1 : 0) : 77);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) == 77) return std::nullopt;
  return WEXITSTATUS(status) == 1;
}

bool join(const char* name) {
  return ::syscall(SYS_keyctl, k_join, name) > 0;
}

bool add(const char* name) {
  return ::syscall(SYS_add_key, "user", name, "secret", 6UL, k_session) > 0;
}

TEST(SessionKeyring, AFreshOneIsAsGoodAsAnyOther) {
  const auto used = used_after([] { return join(nullptr); });
  if (!used) GTEST_SKIP() << "no keys here";
  EXPECT_FALSE(*used);
}

TEST(SessionKeyring, OneWithANameIsUsed) {
  const auto used = used_after([] { return join("pml-test"); });
  if (!used) GTEST_SKIP() << "no keys here";
  EXPECT_TRUE(*used);
}

TEST(SessionKeyring, OneWithAKeyIsUsed) {
  const auto used = used_after([] { return join(nullptr) && add("pml-test"); });
  if (!used) GTEST_SKIP() << "no keys here";
  EXPECT_TRUE(*used);
}

TEST(SessionKeyring, WhatSystemdPutsThereIsNoUse) {
  const auto used = used_after([] { return join(nullptr) && add("invocation_id"); });
  if (!used) GTEST_SKIP() << "no keys here";
  EXPECT_FALSE(*used);
}

}  // namespace
