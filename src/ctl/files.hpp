#pragma once

#include <string>

namespace pml::ctl {

/// What is known of libraries; see there.
inline constexpr const char* k_quirk_file = PML_PREFIX "/share/pml/quirks";

/// Writes a file in one step, making its folder where it is missing. Throws Failure.
void write_file(const std::string& path, const std::string& text, bool executable = false);
/// What errno says of a file that could not be made, and what to do about it.
[[nodiscard]] std::string unwritten(int error);
/// What a file holds; empty where it cannot be read.
[[nodiscard]] std::string read_file(const std::string& path);
/// The virtual environment that `folder` is, or that it holds as .venv or venv, without links;
/// empty: there is none.
[[nodiscard]] std::string venv_in(const std::string& folder);
/// The same. Throws Failure where there is none.
[[nodiscard]] std::string require_venv(const std::string& folder);
/// Removes the folder and the one that it is in, where nothing else is in them.
void remove_empty_folders(const std::string& folder);
/// The user's folder of profiles. Throws Failure where there is no home.
[[nodiscard]] std::string own_profile_folder();

}  // namespace pml::ctl
