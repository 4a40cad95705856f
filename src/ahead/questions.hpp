#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace pml::ahead {

/// What becomes of a question that a program asks while it runs ahead. The one table of it is in
/// questions.cpp; what is not in it, and belongs to a module that is watched, stops.
enum class Becomes : std::uint8_t {
  harmless,        ///< answered: it concerns nobody else, and is the same for every caller
  file,            ///< answered, and what lies at the path that is its first argument is noted
  folder,          ///< answered; a fact: the current folder
  mask,            ///< answered; a fact: the umask
  affinity,        ///< answered; a fact: the processors
  terminal,        ///< of 0, 1, 2 answered as with the last caller; a fact
  terminal_size,   ///< the same
  blocking,        ///< the same
  seekable,        ///< the same
  clock,           ///< the worker's; once the arguments are known, a stop but for what a module's
                   ///< import takes down
  own_descriptor,  ///< harmless, but for 0, 1, 2 and what the program did not open itself: stop
  own_stream,      ///< harmless, but for the standard streams: stop
  stream_setting,  ///< done, and of a standard stream done again with the caller's
  copies_descriptor,  ///< the same, and the template stops
  renewed,            ///< random numbers are seeded by the system: each worker does it again
  all_objects,        ///< harmless; the garbage collector must not leave anything out from then on
  environment,        ///< a variable is set or removed: done again over the caller's
  template_stops,     ///< a worker goes on: each process has its own
  makes_folder,       ///< fails by itself, or is done when the caller is there; or stop
  own_semaphore,      ///< template_stops where its name goes at once, as it does with fork; or stop
  trial_tells,        ///< stop, but where a trial has heard what the C library makes of it
  stop,               ///< a worker stops, too, before it
};

/// Of a function, type or method ("Random.seed") of a compiled module, of a name of `sys`
/// ("sys", "argv"), of an attribute of a standard stream ("stream", "write"), of an audit event
/// ("audit", "socket.bind"). Nothing for what nobody has to hear of.
[[nodiscard]] std::optional<Becomes> what_becomes_of(std::string_view module,
                                                     std::string_view name) noexcept;

/// The methods of the module's types that the table names, as "Random.seed".
[[nodiscard]] std::vector<std::string_view> methods_in(std::string_view module);

/// Whether all functions and types of the module stop that the table does not name.
[[nodiscard]] bool is_watched(std::string_view module) noexcept;

/// Of the import of a compiled module of the standard library: harmless, template_stops or stop.
[[nodiscard]] Becomes import_of(std::string_view module) noexcept;

/// What a path stands for that is opened for reading, listed or looked at.
enum class Place : std::uint8_t {
  ordinary,  ///< noted with its identity
  random,    ///< /dev/urandom, /dev/random: the template stops
  nothing,   ///< /dev/null, /dev/zero: harmless
  own,       ///< /proc/self: stop
  system,    ///< the rest of /proc, /sys, /dev: stop
};
[[nodiscard]] Place place_of(std::string_view path) noexcept;

/// For people: "os.mkdir" of ("posix", "mkdir").
[[nodiscard]] std::string_view public_name(std::string_view module) noexcept;

}  // namespace pml::ahead
