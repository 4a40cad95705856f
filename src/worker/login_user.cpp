#include "worker/login_user.hpp"

#include <fcntl.h>
#include <gnu/libc-version.h>
#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <string_view>

#include "worker/python.hpp"

namespace pml::worker {

namespace {

constexpr std::string_view k_nobody = "4294967295";

bool has_login_user(pid_t pid) {
  char path[40];
  std::snprintf(path, sizeof path, "/proc/%d/loginuid", static_cast<int>(pid));
  const base::UniqueFd file(base::k_adopt, ::open(path, O_RDONLY | O_CLOEXEC));
  char text[16];
  const ssize_t size = ::read(file.get(), text, sizeof text);
  // A kernel without audit has no such file, and then nobody has.
  return size > 0 && std::string_view(text, static_cast<std::size_t>(size)) != k_nobody;
}

const bool g_has_own = has_login_user(::getpid());  // the zygote's is every worker's

/// Whether the C library looks for the terminal's session, and gives errno as its negative.
bool asks_for_session() noexcept {
  constexpr int k_first = 41;
  int major = 0, minor = 0;
  return std::sscanf(::gnu_get_libc_version(), "%d.%d", &major, &minor) == 2 &&  // NOLINT
         (major > 2 || minor >= k_first);
}

// What getlogin(3) says where nobody logged in.
PyObject* nobody(PyObject*, PyObject*) {
  char terminal[PATH_MAX];
  if (asks_for_session()) {
    const int error = ::ttyname_r(0, terminal, sizeof terminal);
    errno = error != 0 ? -error : -ENOENT;
  } else {
    errno = ENXIO;
  }
  return PyErr_SetFromErrno(PyExc_OSError);
}

}  // namespace

void adopt_login_user(base::BorrowedFd connection) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (!g_has_own || ::getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
      has_login_user(peer.pid))
    return;
  const Ref module = Ref::steal(PyImport_ImportModule("posix"));
  const Ref function = Ref::steal(PyObject_GetAttrString(module.get(), "getlogin"));
  if (function && PyCFunction_Check(function.get()))
    reinterpret_cast<PyCFunctionObject*>(function.get())->m_ml->ml_meth = nobody;
  PyErr_Clear();
}

}  // namespace pml::worker
