#include "ctl/adoption.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/exit_status.hpp"
#include "base/paths.hpp"
#include "base/venv.hpp"
#include "ctl/command.hpp"
#include "ctl/console_script.hpp"
#include "ctl/files.hpp"
#include "ctl/maker.hpp"
#include "ctl/process.hpp"
#include "ctl/service.hpp"
#include "ctl/vocabulary.hpp"
#include "profile/profile.hpp"

namespace pml::ctl {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view k_maker = "adopt";

std::string default_interpreter() {
  const auto loaded = profile::load("default", base::profile_folders());
  return loaded.good() ? loaded.profile->interpreter : "/usr/bin/python3";
}

bool same_file(const std::string& a, const std::string& b) {
  std::error_code error;
  return fs::equivalent(a, b, error) && !error;
}

std::string home() {
  std::string folder = base::home_folder();
  if (folder.empty()) throw Failure(base::k_exit_config, "HOME is not set; set it");
  return folder;
}

/// The interpreter of a first line; of one that names pml, or of none, the default profile's.
std::string interpreter_of(const std::string& path, const std::string& text, bool is_command) {
  const auto first = python_first_line(text);
  if (!first) {
    if (!is_command && may_be_python(text)) return default_interpreter();
    throw Failure(k_exit_failure,
                  path + " is no Python script, so pml cannot run it; name another");
  }
  if (first->has_options)
    throw Failure(k_exit_failure, path +
                                      " gives its interpreter options, which act only while one "
                                      "starts; it cannot start warm, run it as before");
  const std::string found = find_command(first->interpreter);
  if (found.empty())
    throw Failure(k_exit_failure, "the interpreter of " + path + ", " + first->interpreter +
                                      ", is not there; install the program again");
  return same_file(found, own_program("pml")) ? default_interpreter() : found;
}

/// The profile that a first line names for pml; empty: none.
std::string profile_in(const std::string& text) {
  if (!text.starts_with("#!")) return {};
  std::istringstream words(text.substr(2, text.find('\n') - 2));
  std::string word;
  while (words >> word && fs::path(word).filename() != "pml") {
  }
  while (words >> word) {
    if (word == "-p" || word == "--profile") {
      words >> word;
      return word;
    }
    if (word.starts_with("-p")) return word.substr(2);
  }
  return {};
}

/// Not taken, or of the same interpreter.
bool is_free_for(const std::string& name, const std::string& python) {
  const auto loaded = profile::load(name, base::profile_folders());
  return loaded.not_found() || (loaded.good() && same_file(loaded.profile->interpreter, python));
}

std::string new_name_for(const std::string& python) {
  const std::string name = fs::path(python).filename().string();
  std::string candidate = name;
  for (int number = 2; !is_free_for(candidate, python); ++number)
    candidate = name + "-" + std::to_string(number);
  return candidate;
}

}  // namespace

std::string program_name(const std::string& word) {
  std::string name = fs::path(word).filename().string();
  if (name.ends_with(".py")) name.resize(name.size() - 3);
  if (!base::valid_profile_name(name))
    throw Failure(base::k_exit_usage, "\"" + name +
                                          "\" cannot be the name of a program: letters, "
                                          "digits and _ . @ - only; make a link of another name");
  return name;
}

std::string Adoption::launcher() const {
  return home() + "/.local/bin/" + name;
}

std::string Adoption::kept() const {
  return base::data_folder() + "/pml/wrapped/" + name;
}

std::string Adoption::drop_in() const {
  return own_profile_folder() + "/" + profile + ".toml.d/" + name + ".toml";
}

std::string Adoption::script() const {
  return is_command ? launcher() : original;
}

std::string venv_of(const std::string& python) {
  std::error_code error;
  const fs::path folder = fs::path(python).parent_path().parent_path();
  if (!fs::exists(folder / "pyvenv.cfg", error)) return {};
  return fs::canonical(folder, error).string();
}

std::string profile_of_python(const std::string& python) {
  if (const std::string venv = venv_of(python); !venv.empty()) return base::venv_profile(venv);
  std::string other;
  for (const profile::Listed& listed : profile::list(base::profile_folders())) {
    const auto loaded = profile::load(listed.name, base::profile_folders());
    if (!loaded.good() || !venv_of(loaded.profile->interpreter).empty() ||
        !same_file(loaded.profile->interpreter, python))
      continue;
    if (listed.name == "default") return listed.name;
    if (other.empty() && listed.name.find('-') == std::string::npos) other = listed.name;
  }
  return other.empty() ? new_name_for(python) : other;
}

namespace {

/// `, did you mean "…"?` of the Python commands in PATH.
std::string meant_command(const std::string& word) {
  const char* variable = std::getenv("PATH");
  std::vector<std::string> found;
  std::error_code error;
  std::istringstream path(variable != nullptr ? variable : "");
  for (std::string folder; std::getline(path, folder, ':');)
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      std::string line;
      if (!entry.is_regular_file(error) || !std::getline(std::ifstream(entry.path()), line))
        continue;
      if (line.starts_with("#!") && line.find("python") != std::string::npos)
        found.push_back(entry.path().filename().string());
    }
  return meant(word, {found.begin(), found.end()});
}

}  // namespace

Adoption adoption_of(const std::string& word) {
  std::error_code error;
  Adoption adoption;
  const bool is_path = word.find('/') != std::string::npos || fs::is_regular_file(word, error);
  adoption.is_command = !is_path;
  adoption.original =
      is_path ? fs::absolute(word, error).lexically_normal().string() : find_command(word);
  if (is_path && !fs::is_regular_file(adoption.original, error))
    throw Failure(k_exit_failure, "there is no file " + word +
                                      "; name a command, a script or the "
                                      "folder of a virtual environment");
  if (adoption.original.empty())
    throw Failure(k_exit_failure, "there is no command \"" + word + "\" in PATH" +
                                      meant_command(word) +
                                      "; install it, or name the path of a script");
  adoption.name = program_name(adoption.original);
  const std::string text = read_file(adoption.original);
  adoption.interpreter = interpreter_of(adoption.original, text, adoption.is_command);
  adoption.profile = profile_in(text);
  if (adoption.profile.empty()) {
    adoption.profile = profile_of_python(adoption.interpreter);
  } else {
    require_profile(adoption.profile);
    adoption.interpreter =
        profile::load(adoption.profile, base::profile_folders()).profile->interpreter;
  }
  return adoption;
}

std::vector<Adoption> adopted() {
  std::vector<Adoption> found;
  std::error_code error;
  for (const auto& folder : fs::directory_iterator(own_profile_folder(), error)) {
    if (!folder.path().string().ends_with(".toml.d")) continue;
    for (const auto& file : fs::directory_iterator(folder.path(), error)) {
      const std::string text = read_file(file.path());
      if (file.path().extension() != ".toml" || maker_of(text) != k_maker) continue;
      Adoption adoption;
      adoption.name = file.path().stem();
      adoption.profile = fs::path(folder.path().stem()).stem();
      adoption.is_command = fs::exists(adoption.launcher(), error) &&
                            is_launcher(read_file(adoption.launcher()), adoption.profile);
      found.push_back(std::move(adoption));
    }
  }
  return found;
}

std::optional<Adoption> find_adopted(const std::string& name) {
  for (Adoption& adoption : adopted())
    if (adoption.name == name) return std::move(adoption);
  return std::nullopt;
}

}  // namespace pml::ctl
