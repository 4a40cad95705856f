#include "base/check.hpp"

#include <cerrno>
#include <system_error>

namespace pml::base {

void throw_errno(int error, const char* what) {
  throw std::system_error(error, std::generic_category(), what);
}

template <std::integral T>
T check(T result, const char* what) {
  if (result < 0) throw_errno(errno, what);
  return result;
}
template int check<int>(int, const char*);
template long check<long>(long, const char*);

int check_sd(int result, const char* what) {
  if (result < 0) throw_errno(-result, what);
  return result;
}

}  // namespace pml::base
