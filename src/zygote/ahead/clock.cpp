#include "zygote/ahead/clock.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "zygote/ahead/course.hpp"

namespace pml::zygote::ahead {

namespace {

bool is_given_moment(const Called& called, const Call& call) {
  constexpr std::array<std::string_view, 4> k_of_moments = {"localtime", "gmtime", "ctime",
                                                            "asctime"};
  const bool second = called.name == "strftime";
  const bool can = second || std::find(k_of_moments.begin(), k_of_moments.end(), called.name) !=
                                 k_of_moments.end();
  const Py_ssize_t place = second ? 1 : 0;
  return can && call.count > place && call.arguments[place] != Py_None;
}

bool runs_module_body() {
  return is_asked_by("*:<module>", 1) && !is_asked_by("__main__:<module>", 1);
}

}  // namespace

void hear_clock(const Called& called, const Call& call, const std::string& what) {
  if (!course().knows_arguments || is_given_moment(called, call) || runs_module_body()) return;
  ask(Becomes::stop, what);
}

}  // namespace pml::zygote::ahead
