#include "trial/recording.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/check.hpp"

namespace pml::trial {

namespace {

/// The other side may write what it likes.
template <std::size_t size>
std::string text_of(const char (&text)[size]) {
  return {text, ::strnlen(text, size)};
}

}  // namespace

const char* name_of(RecordKind kind) {
  switch (kind) {
    case RecordKind::draw:
      return "draw";
    case RecordKind::variable:
      return "variable";
    case RecordKind::seed:
      return "seed";
    case RecordKind::setting:
      return "setting";
    case RecordKind::clock:
      return "clock";
  }
  return "?";
}

std::string line_of(const Heard& heard) {
  return std::string(name_of(heard.kind)) + " " + (heard.module.empty() ? "-" : heard.module) +
         " " + heard.name + " " + heard.library;
}

Recording::Recording()
    : memory_(base::k_adopt,
              base::check(::memfd_create("pml-recording", MFD_CLOEXEC), "cannot make a memfd")) {
  base::check(::ftruncate(memory_.get(), sizeof(RecordPage)), "cannot size a memfd");
  void* const memory =
      ::mmap(nullptr, sizeof(RecordPage), PROT_READ | PROT_WRITE, MAP_SHARED, memory_.get(), 0);
  if (memory == MAP_FAILED) base::check(-1, "cannot map a memfd");
  page_ = static_cast<RecordPage*>(memory);
}

Recording::~Recording() {
  ::munmap(page_, sizeof(RecordPage));
}

std::vector<std::string> Recording::variables(int number, const std::string& preloaded) {
  return {"LD_PRELOAD=" + recorder_library() + (preloaded.empty() ? "" : ":" + preloaded),
          std::string(k_recorder_variable) + "=" + std::to_string(number)};
}

std::vector<Heard> Recording::heard() const {
  std::vector<Heard> all;
  const std::size_t count = std::min<std::size_t>(page_->count, k_record_slots);
  for (std::size_t i = 0; i < count; ++i) {
    const Record& record = page_->records[i];
    if (record.ready.load(std::memory_order_acquire) == 0) continue;
    const auto kind = static_cast<std::uint8_t>(record.kind);
    if (kind == 0 || kind > k_last_record_kind) continue;
    Heard heard{record.kind, text_of(record.module), text_of(record.library), text_of(record.name)};
    if (std::find(all.begin(), all.end(), heard) == all.end()) all.push_back(std::move(heard));
  }
  return all;
}

std::string Recording::module() const {
  for (int attempt = 0; attempt < 100; ++attempt) {
    const std::uint32_t before = page_->sequence;
    std::string module = text_of(page_->module);
    if (before % 2 == 0 && page_->sequence == before) return module;
  }
  return text_of(page_->module);
}

std::string recorder_library() {
  const char* const named = std::getenv("PML_RECORDER_LIBRARY");
  return named != nullptr && named[0] == '/' ? named : PML_HELPERDIR "/libpml-recorder.so";
}

}  // namespace pml::trial
