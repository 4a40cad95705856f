#include "ahead/compiled.hpp"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>
#include <vector>

namespace pml::ahead {

namespace {

using Texts = std::string_view;

/// Functions of the C library that read and write nothing but what they are given.
constexpr Texts k_plain =
    " memcpy memmove memset memcmp memchr memrchr mempcpy rawmemchr strlen strnlen strcmp strncmp "
    "strcasecmp strncasecmp strcpy strncpy stpcpy strcat strncat strchr strrchr strstr strpbrk "
    "strspn strcspn strtol strtoll strtoul strtoull strtod strtof strdup strndup strerror atoi "
    "atol "
    "malloc calloc realloc free posix_memalign aligned_alloc abort qsort bsearch abs labs div ldiv "
    "sprintf snprintf vsnprintf vsprintf sscanf isalpha isdigit isalnum isspace isupper islower "
    "isxdigit toupper tolower setjmp _setjmp __sigsetjmp longjmp time clock clock_gettime "
    "gettimeofday gmtime gmtime_r mktime pthread_mutex_init pthread_mutex_lock "
    "pthread_mutex_unlock pthread_mutex_destroy pthread_once pthread_key_create "
    "pthread_getspecific pthread_setspecific pthread_self pthread_rwlock_rdlock "
    "pthread_rwlock_wrlock pthread_rwlock_unlock ldexp frexp modf fmod floor ceil round trunc rint "
    "lrint llrint lround nearbyint floorf ceilf roundf truncf sqrt sqrtf cbrt pow powf exp expf "
    "exp2 expm1 log logf log2 log10 log1p sin cos tan sinf cosf tanf asin acos atan atan2 atan2f "
    "sinh cosh tanh asinh acosh atanh hypot fabs fmax fmin copysign nextafter erf erfc tgamma "
    "lgamma finite isnan isinf dl_iterate_phdr ";

/// Of those, and of Python's own, what tells the time.
constexpr Texts k_clocks =
    " time clock clock_gettime gettimeofday PyTime_Time PyTime_TimeRaw PyTime_Monotonic "
    "PyTime_MonotonicRaw PyTime_PerfCounter PyTime_PerfCounterRaw _PyTime_GetSystemClock "
    "_PyTime_GetMonotonicClock _PyTime_GetPerfCounter _PyTime_TimeUnchecked "
    "_PyTime_MonotonicUnchecked _PyTime_PerfCounterUnchecked ";

/// What compilers call by themselves.
constexpr std::array<Texts, 14> k_plain_starts = {"_ITM_",
                                                  "__gmon_start__",
                                                  "__cxa_",
                                                  "__stack_chk_fail",
                                                  "__ctype_",
                                                  "__errno_location",
                                                  "__tls_get_addr",
                                                  "_Unwind_",
                                                  "__gxx_personality",
                                                  "__isoc",
                                                  "__memcpy",
                                                  "__memset",
                                                  "__memmove",
                                                  "__assert_fail"};
/// With a limit checked, as the functions above.
constexpr std::array<Texts, 8> k_checked = {"__sprintf_chk", "__snprintf_chk", "__vsnprintf_chk",
                                            "__strcpy_chk",  "__strcat_chk",   "__strncpy_chk",
                                            "__longjmp_chk", "__strncat_chk"};

/// Of Python's own, what the spies would not hear.
constexpr Texts k_unheard =
    " PySys_GetObject PySys_GetXOptions PySys_SetArgv PyRun_SimpleFileExFlags PyOS_AfterFork "
    "PyOS_AfterFork_Child PyOS_BeforeFork PyOS_setsig PyOS_getsig PyOS_Readline PyOS_InputHook "
    "_PyOS_URandom _PyOS_URandomNonblock PyThread_start_new_thread PyErr_SetInterrupt "
    "PyErr_SetInterruptEx Py_Exit Py_FinalizeEx Py_Finalize _Py_fopen _Py_fopen_obj _Py_wfopen "
    "_Py_open _Py_write _Py_read _Py_stat _Py_wgetcwd Py_GetArgcArgv Py_NewInterpreter ";
/// Of Python's own and of the C library's, what is answered by the process's memory.
constexpr Texts k_silent =
    " Py_GetArgcArgv PySys_GetObject _PySys_GetAttr _PyRuntime environ __environ _environ "
    "getauxval __getauxval program_invocation_name program_invocation_short_name __progname "
    "__progname_full __libc_argv __libc_argc _dl_argv __libc_stack_end _rtld_global "
    "_rtld_global_ro ";
/// It tells of much; who asks for the words names them.
constexpr Texts k_by_name = "PySys_GetObject";
constexpr std::array<Texts, 2> k_words = {Texts("\0argv\0", 6), Texts("\0orig_argv\0", 11)};
constexpr std::array<Texts, 8> k_unheard_parts = {"random_device", "6thread",    "fstream",
                                                  "filesystem",    "filebuf",    "ios_base4Init",
                                                  "4cout",         "this_thread"};

constexpr std::array<Texts, 7> k_libraries = {"libc.so.",      "libm.so.",     "libpthread.so.",
                                              "libstdc++.so.", "libgcc_s.so.", "ld-linux",
                                              "libpython3"};

bool names_in(Texts list, Texts name) {
  const std::string word = " " + std::string(name) + " ";
  return list.find(word) != Texts::npos;
}

template <std::size_t N>
bool starts_with_one(Texts name, const std::array<Texts, N>& starts) {
  return std::any_of(starts.begin(), starts.end(),
                     [name](Texts start) { return name.starts_with(start); });
}

bool is_plain(Texts name) {
  if (name.starts_with("Py") || name.starts_with("_Py")) return !names_in(k_unheard, name);
  if (name.starts_with("_Z"))
    return std::none_of(k_unheard_parts.begin(), k_unheard_parts.end(),
                        [name](Texts part) { return name.find(part) != Texts::npos; });
  return names_in(k_plain, name) || starts_with_one(name, k_plain_starts) ||
         std::find(k_checked.begin(), k_checked.end(), name) != k_checked.end();
}

/// A shared object of this machine's kind, in memory. Every access is looked at first.
class Object {
 public:
  explicit Object(const std::string& path) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    const std::streamoff size = file.tellg();
    if (size <= 0) return;
    bytes_.resize(static_cast<std::size_t>(size));
    if (!file.seekg(0).read(bytes_.data(), static_cast<std::streamsize>(size))) return;
    Elf64_Ehdr header;
    if (!read(0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != ELFCLASS64)
      return;
    for (std::size_t i = 0; i < header.e_shnum; ++i) {
      Elf64_Shdr section;
      if (!read(header.e_shoff + i * sizeof section, section)) return;
      sections_.push_back(section);
    }
    good_ = !sections_.empty();
  }

  [[nodiscard]] bool good() const noexcept { return good_; }

  /// Calls `use` with each entry of the sections of that type, and the section.
  template <typename Entry, typename Use>
  void for_each(std::uint32_t type, Use use) const {
    for (const Elf64_Shdr& section : sections_) {
      if (section.sh_type != type) continue;
      for (std::uint64_t at = 0; at + sizeof(Entry) <= section.sh_size; at += sizeof(Entry)) {
        Entry entry;
        if (!read(section.sh_offset + at, entry)) break;
        use(entry, section);
      }
    }
  }

  [[nodiscard]] bool contains(Texts text) const noexcept {
    return bytes_.find(text) != std::string::npos;
  }

  /// Calls `use` with each name that it takes from elsewhere.
  template <typename Use>
  void for_each_taken(Use use) const {
    for_each<Elf64_Sym>(SHT_DYNSYM, [&](const Elf64_Sym& symbol, const Elf64_Shdr& section) {
      if (symbol.st_shndx == SHN_UNDEF && symbol.st_name != 0) use(text(section, symbol.st_name));
    });
  }

  /// The text at that place of the strings that belong to the section.
  [[nodiscard]] std::string text(const Elf64_Shdr& section, std::uint64_t place) const {
    if (section.sh_link >= sections_.size()) return {};
    const std::uint64_t offset = sections_[section.sh_link].sh_offset + place;
    if (offset >= bytes_.size()) return {};
    const auto start = static_cast<std::size_t>(offset);
    const std::size_t end = bytes_.find('\0', start);
    return end == std::string::npos ? std::string() : bytes_.substr(start, end - start);
  }

 private:
  template <typename Value>
  bool read(std::uint64_t at, Value& value) const {
    if (at > bytes_.size() || bytes_.size() - at < sizeof value) return false;
    std::memcpy(&value, bytes_.data() + at, sizeof value);
    return true;
  }

  std::string bytes_;
  std::vector<Elf64_Shdr> sections_;
  bool good_ = false;
};

}  // namespace

bool is_silent_question(std::string_view name) noexcept {
  return names_in(k_silent, name);
}

std::optional<std::string> silent_question_of(const std::string& path) {
  const Object object(path);
  std::optional<std::string> found;
  object.for_each_taken([&](const std::string& name) {
    if (found || !is_silent_question(name)) return;
    if (name != k_by_name || std::any_of(k_words.begin(), k_words.end(),
                                         [&](Texts words) { return object.contains(words); }))
      found = name;
  });
  return found;
}

bool reads_clock(const std::string& path) {
  const Object object(path);
  bool found = !object.good();
  object.for_each_taken([&found](const std::string& name) {
    found = found || names_in(k_clocks, name) || name.find("6chrono") != std::string::npos;
  });
  return found;
}

std::optional<std::string> hidden_deed_of(const std::string& path) {
  const Object object(path);
  if (!object.good()) return "it cannot be read";
  std::optional<std::string> found;
  bool any = false;
  object.for_each<Elf64_Sym>(SHT_DYNSYM,
                             [&any](const Elf64_Sym&, const Elf64_Shdr&) { any = true; });
  object.for_each_taken([&found](const std::string& name) {
    if (!found && !is_plain(name)) found = name;
  });
  object.for_each<Elf64_Dyn>(SHT_DYNAMIC, [&](const Elf64_Dyn& entry, const Elf64_Shdr& section) {
    if (entry.d_tag != DT_NEEDED) return;
    const std::string name = object.text(section, entry.d_un.d_val);
    if (!found && !starts_with_one(name, k_libraries)) found = name;
  });
  if (!any) return "it names nothing";
  return found;
}

}  // namespace pml::ahead
