#include "client/relay.hpp"

#include "base/terminal_text.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace pml::client {
namespace {

Modes cooked() {
  Modes modes{};
  modes.c_lflag = ISIG | ICANON | ECHO;
  modes.c_oflag = OPOST | ONLCR;
  modes.c_cc[VINTR] = 3;
  modes.c_cc[VQUIT] = 28;
  modes.c_cc[VSUSP] = 26;
  return modes;
}

TEST(Relay, SignalsOfTheKeyboard) {
  EXPECT_EQ(typed_signal(cooked(), 3), SIGINT);
  EXPECT_EQ(typed_signal(cooked(), 28), SIGQUIT);
  EXPECT_EQ(typed_signal(cooked(), 26), SIGTSTP);
  EXPECT_EQ(typed_signal(cooked(), 'c'), 0);
}

TEST(Relay, NoSignalsWhereTheJobWantsNone) {
  EXPECT_EQ(typed_signal(raw(cooked()), 3), 0);
  Modes modes = cooked();
  modes.c_cc[VINTR] = 0;  // switched off
  EXPECT_EQ(typed_signal(modes, 0), 0);
  EXPECT_EQ(typed_signal(modes, 3), 0);
}

TEST(Relay, ReturnsAreTakenOutBeforeNewlinesOnly) {
  std::string text = "one\r\ntwo\rthree\r\r\nfour\r";
  base::take_out_returns(text);
  EXPECT_EQ(text, "one\ntwo\rthree\r\nfour\r");
}

TEST(Relay, RawModesPassBytesOn) {
  const Modes modes = raw(cooked());
  EXPECT_EQ(modes.c_lflag & (ISIG | ICANON | ECHO), 0U);
  EXPECT_EQ(modes.c_oflag & OPOST, 0U);
  EXPECT_TRUE(same(modes, raw(modes)));
  EXPECT_FALSE(same(modes, cooked()));
}

}  // namespace
}  // namespace pml::client
