#include "ahead/messages.hpp"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace pml::ahead {

namespace {

constexpr off_t k_most_bytes = off_t{64} << 20;

void write_texts(wire::Writer& out, const std::vector<std::string>& texts) {
  out.texts({texts.begin(), texts.end()});
}

std::vector<std::string> read_texts(wire::Reader& in) {
  const std::vector<std::string_view> texts = in.texts();
  return {texts.begin(), texts.end()};
}

template <typename Read>
auto read_all(wire::Reader& in, std::size_t least_size, Read read_one) {
  std::vector<decltype(read_one(in))> all;
  const std::uint32_t count = in.count(least_size);
  all.reserve(count);
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) all.push_back(read_one(in));
  return all;
}

constexpr std::size_t k_least_fact = 10;
constexpr std::size_t k_least_file = 46;

}  // namespace

std::string encode(const Plan& plan) {
  wire::Writer out;
  out.text(plan.request);
  for (const Stream& stream : plan.streams) {
    out.flag(stream.open);
    out.flag(stream.terminal);
    out.flag(stream.blocking);
    out.flag(stream.seekable);
    out.i32(stream.columns);
    out.i32(stream.lines);
  }
  for (const auto* list :
       {&plan.template_stops, &plan.worker_stops, &plan.allowed, &plan.changing, &plan.tried})
    write_texts(out, *list);
  out.text(plan.arguments);
  out.flag(plan.trial);
  out.u32(plan.processor_msec);
  out.u32(plan.msec);
  out.u32(plan.memory_mib);
  return out.take();
}

std::optional<Plan> decode_plan(std::string_view bytes) {
  wire::Reader in(bytes);
  Plan plan;
  plan.request = in.blob();
  for (Stream& stream : plan.streams) {
    stream.open = in.flag();
    stream.terminal = in.flag();
    stream.blocking = in.flag();
    stream.seekable = in.flag();
    stream.columns = in.i32();
    stream.lines = in.i32();
  }
  for (auto* list :
       {&plan.template_stops, &plan.worker_stops, &plan.allowed, &plan.changing, &plan.tried})
    *list = read_texts(in);
  plan.arguments = in.blob();
  plan.trial = in.flag();
  plan.processor_msec = in.u32();
  plan.msec = in.u32();
  plan.memory_mib = in.u32();
  if (!in.finished()) return std::nullopt;
  return plan;
}

std::string encode(const Report& report) {
  wire::Writer out;
  out.u32(static_cast<std::uint32_t>(report.facts.size()));
  for (const Fact& fact : report.facts) write(out, fact);
  out.u32(static_cast<std::uint32_t>(report.files.size()));
  for (const FileFact& file : report.files) write(out, file);
  out.text(report.question);
  out.text(report.place);
  out.u64(report.processor_usec);
  out.u64(report.usec);
  out.u64(report.start_usec);
  out.flag(report.untried);
  out.flag(report.before_arguments);
  out.flag(report.unheard);
  return out.take();
}

std::optional<Report> decode_report(std::string_view bytes) {
  wire::Reader in(bytes);
  Report report;
  report.facts = read_all(in, k_least_fact, read_fact);
  report.files = read_all(in, k_least_file, read_file_fact);
  report.question = in.text();
  report.place = in.text();
  report.processor_usec = in.u64();
  report.usec = in.u64();
  report.start_usec = in.u64();
  report.untried = in.flag();
  report.before_arguments = in.flag();
  report.unheard = in.flag();
  if (!in.finished()) return std::nullopt;
  return report;
}

base::UniqueFd in_memory(std::string_view bytes) noexcept {
  base::UniqueFd memory(base::k_adopt, ::memfd_create("pml-ahead", MFD_CLOEXEC));
  for (std::size_t done = 0; memory.valid() && done < bytes.size();) {
    const ssize_t written = ::write(memory.get(), bytes.data() + done, bytes.size() - done);
    if (written > 0)
      done += static_cast<std::size_t>(written);
    else if (written == 0 || errno != EINTR)
      memory.reset();
  }
  return memory;
}

std::optional<std::string> from_memory(base::BorrowedFd memory) {
  struct stat info = {};
  if (::fstat(memory.get(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_size > k_most_bytes)
    return std::nullopt;
  std::string bytes(static_cast<std::size_t>(info.st_size), '\0');
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t size =
        ::pread(memory.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (size <= 0) return std::nullopt;
    done += static_cast<std::size_t>(size);
  }
  return bytes;
}

}  // namespace pml::ahead
