#pragma once

#include <string_view>

namespace pml::wire {

// What only the start of an interpreter honours. One list, for the client, which spares a worker,
// and for the worker, which believes no client.

/// Whether a warm interpreter can still do what python3's option `letter` asks. (-c and -m name the
/// program and are no such options.)
[[nodiscard]] bool is_warm_option(char letter) noexcept;

/// Whether it can do what `setting`, NAME or NAME=VALUE of -X, asks. A name that is not known here
/// may act at the start of a later CPython: false.
[[nodiscard]] bool is_warm_setting(std::string_view setting) noexcept;

/// Whether the variable `name`, PYTHON…, acts at the start with this value. An empty one is as good
/// as none; one that is not known here may act: true. Other names than PYTHON…: false.
[[nodiscard]] bool is_cold_variable(std::string_view name, std::string_view value) noexcept;

}  // namespace pml::wire
