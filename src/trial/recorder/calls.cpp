// The functions that stand in front of the C library's and the C++ library's. Each writes down who
// asked for what, and does what it would do without.
#include <dlfcn.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <initializer_list>

#include "trial/recorder/page.hpp"

using pml::trial::record;
using pml::trial::RecordKind;

// By their names in the libraries, so that no header's idea of them (macros, exception
// specifications, which of them this C library has) stands in the way.
#define PML_IN_FRONT_OF(name) __asm__(name) __attribute__((visibility("default"), used))
#define PML_CALLER __builtin_return_address(0)

namespace {

/// The function that this library stands in front of; null where there is none.
template <typename Function>
Function* behind(const char* name) noexcept {
  void* place = ::dlsym(RTLD_NEXT, name);
  if (place != nullptr) return reinterpret_cast<Function*>(place);
  // A library that a module has brought for itself alone.
  for (const char* library : {"libstdc++.so.6", "libc++.so.1", "libbsd.so.0"}) {
    void* const handle = ::dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
    if (handle == nullptr) continue;
    place = ::dlsym(handle, name);
    ::dlclose(handle);  // whose module keeps it
    if (place != nullptr) return reinterpret_cast<Function*>(place);
  }
  return nullptr;
}

/// The same, looked up once; a second thread that looks meanwhile finds the same.
#define PML_BEHIND(name, ...)                                                                  \
  ([]() noexcept {                                                                             \
    using Function = __VA_ARGS__;                                                              \
    static std::atomic<Function*> place{nullptr};                                              \
    if (place.load(std::memory_order_relaxed) == nullptr) place.store(behind<Function>(name)); \
    return place.load(std::memory_order_relaxed);                                              \
  }())

bool is_random_device(const char* path) noexcept {
  return path != nullptr &&
         (std::strcmp(path, "/dev/urandom") == 0 || std::strcmp(path, "/dev/random") == 0);
}

/// Python's own opening of it as well: that is no draw which it is heard for elsewhere.
void record_open(const char* path, const void* caller) noexcept {
  if (is_random_device(path)) record(RecordKind::draw, path, caller, true);
}

void fill(void* bytes, std::size_t size) noexcept {
  auto* at = static_cast<unsigned char*>(bytes);
  while (size > 0) {
    const ssize_t got = PML_BEHIND("getrandom", ssize_t(void*, std::size_t, unsigned))(at, size, 0);
    if (got <= 0) continue;
    at += got;
    size -= static_cast<std::size_t>(got);
  }
}

}  // namespace

extern "C" {

char* pml_getenv(const char* name) PML_IN_FRONT_OF("getenv");
char* pml_getenv(const char* name) {
  record(RecordKind::variable, name, PML_CALLER);
  return PML_BEHIND("getenv", char*(const char*))(name);
}

char* pml_secure_getenv(const char* name) PML_IN_FRONT_OF("secure_getenv");
char* pml_secure_getenv(const char* name) {
  record(RecordKind::variable, name, PML_CALLER);
  return PML_BEHIND("secure_getenv", char*(const char*))(name);
}

int pml_setenv(const char* name, const char* value, int over) PML_IN_FRONT_OF("setenv");
int pml_setenv(const char* name, const char* value, int over) {
  record(RecordKind::setting, name, PML_CALLER);
  return PML_BEHIND("setenv", int(const char*, const char*, int))(name, value, over);
}

int pml_unsetenv(const char* name) PML_IN_FRONT_OF("unsetenv");
int pml_unsetenv(const char* name) {
  record(RecordKind::setting, name, PML_CALLER);
  return PML_BEHIND("unsetenv", int(const char*))(name);
}

int pml_putenv(char* text) PML_IN_FRONT_OF("putenv");
int pml_putenv(char* text) {
  record(RecordKind::setting, text, PML_CALLER);
  return PML_BEHIND("putenv", int(char*))(text);
}

ssize_t pml_getrandom(void* bytes, std::size_t size, unsigned flags) PML_IN_FRONT_OF("getrandom");
ssize_t pml_getrandom(void* bytes, std::size_t size, unsigned flags) {
  record(RecordKind::draw, "getrandom", PML_CALLER);
  return PML_BEHIND("getrandom", ssize_t(void*, std::size_t, unsigned))(bytes, size, flags);
}

int pml_getentropy(void* bytes, std::size_t size) PML_IN_FRONT_OF("getentropy");
int pml_getentropy(void* bytes, std::size_t size) {
  record(RecordKind::draw, "getentropy", PML_CALLER);
  return PML_BEHIND("getentropy", int(void*, std::size_t))(bytes, size);
}

// Older C libraries have none of the three, and programs look whether they are there.
std::uint32_t pml_arc4random() PML_IN_FRONT_OF("arc4random");
std::uint32_t pml_arc4random() {
  record(RecordKind::draw, "arc4random", PML_CALLER);
  std::uint32_t number = 0;
  fill(&number, sizeof number);
  return number;
}

void pml_arc4random_buf(void* bytes, std::size_t size) PML_IN_FRONT_OF("arc4random_buf");
void pml_arc4random_buf(void* bytes, std::size_t size) {
  record(RecordKind::draw, "arc4random_buf", PML_CALLER);
  fill(bytes, size);
}

std::uint32_t pml_arc4random_uniform(std::uint32_t bound) PML_IN_FRONT_OF("arc4random_uniform");
std::uint32_t pml_arc4random_uniform(std::uint32_t bound) {
  record(RecordKind::draw, "arc4random_uniform", PML_CALLER);
  std::uint64_t number = 0;
  fill(&number, sizeof number);
  return bound == 0 ? 0 : static_cast<std::uint32_t>(number % bound);
}

// std::random_device::operator() is inline; these are what it calls.
unsigned pml_getval(void* device) PML_IN_FRONT_OF("_ZNSt13random_device9_M_getvalEv");
unsigned pml_getval(void* device) {
  record(RecordKind::draw, "std::random_device", PML_CALLER);
  return PML_BEHIND("_ZNSt13random_device9_M_getvalEv", unsigned(void*))(device);
}

unsigned pml_getval_old(void* device) PML_IN_FRONT_OF("_ZNSt13random_device16_M_getval_pretr1Ev");
unsigned pml_getval_old(void* device) {
  record(RecordKind::draw, "std::random_device", PML_CALLER);
  return PML_BEHIND("_ZNSt13random_device16_M_getval_pretr1Ev", unsigned(void*))(device);
}

unsigned pml_getval_llvm(void* device) PML_IN_FRONT_OF("_ZNSt3__113random_deviceclEv");
unsigned pml_getval_llvm(void* device) {
  record(RecordKind::draw, "std::random_device", PML_CALLER);
  return PML_BEHIND("_ZNSt3__113random_deviceclEv", unsigned(void*))(device);
}

long pml_syscall(long number, long a, long b, long c, long d, long e, long f)
    PML_IN_FRONT_OF("syscall");
long pml_syscall(long number, long a, long b, long c, long d, long e, long f) {
  if (number == SYS_getrandom) record(RecordKind::draw, "getrandom", PML_CALLER);
  return PML_BEHIND("syscall", long(long, long, long, long, long, long, long))(number, a, b, c, d,
                                                                               e, f);
}

#define PML_OPEN(function, name)                                                  \
  int function(const char* path, int flags, unsigned mode) PML_IN_FRONT_OF(name); \
  int function(const char* path, int flags, unsigned mode) {                      \
    record_open(path, PML_CALLER);                                                \
    return PML_BEHIND(name, int(const char*, int, ...))(path, flags, mode);       \
  }
#define PML_OPEN_AT(function, name)                                                           \
  int function(int folder, const char* path, int flags, unsigned mode) PML_IN_FRONT_OF(name); \
  int function(int folder, const char* path, int flags, unsigned mode) {                      \
    record_open(path, PML_CALLER);                                                            \
    return PML_BEHIND(name, int(int, const char*, int, ...))(folder, path, flags, mode);      \
  }
#define PML_FOPEN(function, name)                                           \
  FILE* function(const char* path, const char* mode) PML_IN_FRONT_OF(name); \
  FILE* function(const char* path, const char* mode) {                      \
    record_open(path, PML_CALLER);                                          \
    return PML_BEHIND(name, FILE * (const char*, const char*))(path, mode); \
  }
PML_OPEN(pml_open, "open")
PML_OPEN(pml_open64, "open64")
PML_OPEN(pml_open_2, "__open_2")
PML_OPEN(pml_open64_2, "__open64_2")
PML_OPEN_AT(pml_openat, "openat")
PML_OPEN_AT(pml_openat64, "openat64")
PML_OPEN_AT(pml_openat_2, "__openat_2")
PML_OPEN_AT(pml_openat64_2, "__openat64_2")
PML_FOPEN(pml_fopen, "fopen")
PML_FOPEN(pml_fopen64, "fopen64")

#define PML_SEED(function, name, type)            \
  void function(type seed) PML_IN_FRONT_OF(name); \
  void function(type seed) {                      \
    record(RecordKind::seed, name, PML_CALLER);   \
    PML_BEHIND(name, void(type))(seed);           \
  }
#define PML_NUMBER(function, name, type)        \
  type function() PML_IN_FRONT_OF(name);        \
  type function() {                             \
    record(RecordKind::seed, name, PML_CALLER); \
    return PML_BEHIND(name, type())();          \
  }
PML_SEED(pml_srand, "srand", unsigned)
PML_SEED(pml_srandom, "srandom", unsigned)
PML_SEED(pml_srand48, "srand48", long)
PML_NUMBER(pml_rand, "rand", int)
PML_NUMBER(pml_random, "random", long)
PML_NUMBER(pml_drand48, "drand48", double)
PML_NUMBER(pml_lrand48, "lrand48", long)
PML_NUMBER(pml_mrand48, "mrand48", long)

std::time_t pml_time(std::time_t* when) PML_IN_FRONT_OF("time");
std::time_t pml_time(std::time_t* when) {
  record(RecordKind::clock, "time", PML_CALLER);
  return PML_BEHIND("time", std::time_t(std::time_t*))(when);
}

int pml_clock_gettime(int clock, timespec* when) PML_IN_FRONT_OF("clock_gettime");
int pml_clock_gettime(int clock, timespec* when) {
  record(RecordKind::clock, "clock_gettime", PML_CALLER);
  return PML_BEHIND("clock_gettime", int(int, timespec*))(clock, when);
}

int pml_gettimeofday(timeval* when, void* zone) PML_IN_FRONT_OF("gettimeofday");
int pml_gettimeofday(timeval* when, void* zone) {
  record(RecordKind::clock, "gettimeofday", PML_CALLER);
  return PML_BEHIND("gettimeofday", int(timeval*, void*))(when, zone);
}

}  // extern "C"
