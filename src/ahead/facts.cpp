#include "ahead/facts.hpp"

#include <sys/stat.h>

namespace pml::ahead {

namespace {

std::int64_t nanoseconds(const timespec& time) noexcept {
  return static_cast<std::int64_t>(time.tv_sec) * 1000000000 + time.tv_nsec;
}

}  // namespace

std::string_view name_of(FactKind kind) noexcept {
  switch (kind) {
    case FactKind::variable:
      return "variable";
    case FactKind::every_variable:
      return "every variable";
    case FactKind::folder:
      return "current folder";
    case FactKind::mask:
      return "umask";
    case FactKind::affinity:
      return "affinity";
    case FactKind::terminal:
      return "terminal";
    case FactKind::terminal_size:
      return "terminal size";
    case FactKind::blocking:
      return "blocking";
    case FactKind::seekable:
      return "seekable";
  }
  return {};
}

Identity identity_of(const std::string& path) noexcept {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return {};
  return {true,
          info.st_dev,
          info.st_ino,
          static_cast<std::uint64_t>(info.st_size),
          nanoseconds(info.st_mtim),
          nanoseconds(info.st_ctim)};
}

void write(wire::Writer& out, const Fact& fact) {
  out.u8(static_cast<std::uint8_t>(fact.kind));
  out.i32(fact.number);
  out.text(fact.name);
}

Fact read_fact(wire::Reader& in) {
  Fact fact;
  fact.kind = static_cast<FactKind>(in.u8());
  if (name_of(fact.kind).empty()) in.fail();
  fact.number = in.i32();
  fact.name = in.text();
  return fact;
}

void write(wire::Writer& out, const FileFact& file) {
  out.text(file.path);
  out.flag(file.identity.exists);
  out.u64(file.identity.device);
  out.u64(file.identity.inode);
  out.u64(file.identity.size);
  out.u64(static_cast<std::uint64_t>(file.identity.modified));
  out.u64(static_cast<std::uint64_t>(file.identity.changed));
}

FileFact read_file_fact(wire::Reader& in) {
  FileFact file;
  file.path = in.text();
  file.identity.exists = in.flag();
  file.identity.device = in.u64();
  file.identity.inode = in.u64();
  file.identity.size = in.u64();
  file.identity.modified = static_cast<std::int64_t>(in.u64());
  file.identity.changed = static_cast<std::int64_t>(in.u64());
  return file;
}

}  // namespace pml::ahead
