// Where the kernel enters the program: no C library sets anything up.

#include <cstddef>
#include <span>

#include "client/client.hpp"

extern "C" {
char** environ = nullptr;
const unsigned long* pml_auxiliary = nullptr;
}

namespace {

extern "C" {
using Initializer = void (*)();
extern Initializer __init_array_start[];
extern Initializer __init_array_end[];
}

}  // namespace

// `stack` is what the kernel left: the number of arguments, the arguments, a null pointer, the
// environment.
extern "C" [[noreturn, gnu::used]] void pml_start(long* stack) {
  const auto count = static_cast<std::size_t>(stack[0]);
  char** words = reinterpret_cast<char**>(stack + 1);
  environ = words + count + 1;
  char** last = environ;
  while (*last != nullptr) ++last;
  pml_auxiliary = reinterpret_cast<const unsigned long*>(last + 1);
  for (Initializer* each = __init_array_start; each != __init_array_end; ++each) (*each)();
  pml::client::run({words, count});
}

__asm__(
    ".text\n"
    ".globl _start\n"
    ".type _start, @function\n"
    "_start:\n"
    "  xor %ebp, %ebp\n"
    "  mov %rsp, %rdi\n"
    "  and $-16, %rsp\n"
    "  call pml_start\n"
    "  hlt\n");
