#include "log/journal.hpp"

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <vector>

namespace pml::log {

namespace {

constexpr const char* k_journal_socket = "/run/systemd/journal/socket";

Sink chosen = Sink::standard_error;
std::string profile_field;

void write_to_stderr(std::string_view message) {
  std::string line = "pmld: ";
  line.append(message);
  line.push_back('\n');
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

iovec part_of(std::string& text) {
  return {text.data(), text.size()};
}

void write_to_journal(int priority, const char* id, std::string_view message,
                      std::initializer_list<Field> fields) {
  std::vector<std::string> texts;
  texts.reserve(fields.size() + 5);
  texts.push_back("MESSAGE=" + std::string(message));
  texts.push_back("PRIORITY=" + std::to_string(priority));
  texts.push_back(std::string("MESSAGE_ID=") + id);
  texts.emplace_back("SYSLOG_IDENTIFIER=pmld");
  texts.push_back(profile_field);
  for (const Field& field : fields) texts.push_back(std::string(field.name) + "=" + field.value);
  std::vector<iovec> parts;
  parts.reserve(texts.size());
  for (std::string& text : texts) parts.push_back(part_of(text));
  sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
}

}  // namespace

void open(Sink sink, std::string_view profile) {
  chosen = sink;
  profile_field = "PML_PROFILE=" + std::string(profile);
}

bool to_journal() noexcept {
  // Asked each time: journald can come after the service, and sd-journal drops entries silently.
  return chosen == Sink::automatic && ::access(k_journal_socket, W_OK) == 0;
}

void write(int priority, const char* id, std::string_view message,
           std::initializer_list<Field> fields) noexcept {
  try {
    if (to_journal())
      write_to_journal(priority, id, message, fields);
    else if (priority <= LOG_NOTICE)
      write_to_stderr(message);
  } catch (...) {
    return;
  }
}

}  // namespace pml::log
