#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pml::base {

/// $XDG_RUNTIME_DIR, or /run/user/<uid> where the variable is unset, empty or relative.
[[nodiscard]] std::string runtime_folder();

/// The socket of a profile: <runtime folder>/pml/<profile>.sock.
[[nodiscard]] std::string socket_path(std::string_view profile);

/// The folders that hold profiles, strongest first: $XDG_CONFIG_HOME (~/.config), /etc, then
/// <prefix>/share, each with /pml/profiles appended.
[[nodiscard]] std::vector<std::string> profile_folders();

/// The folder of this user's data: $XDG_DATA_HOME (~/.local/share); empty where neither is set.
[[nodiscard]] std::string data_folder();

/// The folder of what programs of this user remember: $XDG_STATE_HOME (~/.local/state); empty where
/// neither is set.
[[nodiscard]] std::string state_folder();

/// Where it is noted that a person was told of `reason`; empty where there is no state folder.
[[nodiscard]] std::string hint_file(std::string_view reason);

/// So many launches of an environment without a pool within a day, and the service is asked for
/// one.
inline constexpr int k_launches_to_ask = 3;

/// Notes the launch of that number, 1 to k_launches_to_ask, of an environment whose pool would be
/// of `profile`: a file in the folder of the sockets.
[[nodiscard]] std::string launch_note(std::string_view profile, int number);

/// Where the zygote's module for this release of pml is looked for, strongest first:
/// $PML_MODULE_DIR or <prefix>'s own folder, then what `pmlctl python add` makes for this user
/// alone.
[[nodiscard]] std::vector<std::string> module_folders();

/// Whether `name` can be a profile's name: 1 to 64 of [A-Za-z0-9_.@-], not starting with a dot or
/// a dash.
[[nodiscard]] bool valid_profile_name(std::string_view name) noexcept;

/// The home folder: $HOME where it is absolute, else empty. (The client is static and must not ask
/// the user database.)
[[nodiscard]] std::string home_folder();

/// Makes `path` a folder that only its owner may enter (0700), its parents likewise where missing.
/// An existing last folder must belong to this user and be writable by no one else. Returns the
/// sentence that says what is wrong with it, or nothing.
[[nodiscard]] std::optional<std::string> prepare_private_folder(const std::string& path);

}  // namespace pml::base
