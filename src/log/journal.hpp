#pragma once

#include <syslog.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace pml::log {

/// Where entries go.
enum class Sink {
  automatic,  ///< the journal where journald's socket exists, else standard error
  standard_error,
};

/// Sets the sink and the fields that every entry of this process carries. Not thread-safe; called
/// once, before the first entry.
void open(Sink sink, std::string_view profile);

/// Whether entries go to the journal now.
[[nodiscard]] bool to_journal() noexcept;

/// One more field of an entry, such as {"PML_JOB", "17-4"}. The name is [A-Z0-9_].
struct Field {
  std::string_view name;
  std::string value;
};

/// Writes one entry: `priority` is a syslog level, `id` one of message_ids.hpp. On standard error
/// only the message is shown, as "pmld: …". Never throws; an entry that cannot be written is lost.
void write(int priority, const char* id, std::string_view message,
           std::initializer_list<Field> fields = {}) noexcept;

}  // namespace pml::log
