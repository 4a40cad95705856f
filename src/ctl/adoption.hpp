#pragma once

#include <optional>
#include <string>
#include <vector>

namespace pml::ctl {

/// A program that `adopt` declares, and where its parts are.
struct Adoption {
  std::string name;         ///< the program's, and the drop-in's
  std::string original;     ///< the command or script that was named
  std::string interpreter;  ///< of its first line, or the default profile's
  std::string profile;      ///< of that interpreter
  bool is_command = false;  ///< started by its name: it gets a launcher in front

  [[nodiscard]] std::string launcher() const;  ///< ~/.local/bin/NAME
  [[nodiscard]] std::string kept() const;      ///< the original, where it stood in that place
  [[nodiscard]] std::string drop_in() const;   ///< PROFILE.toml.d/NAME.toml
  [[nodiscard]] std::string script() const;    ///< what is executed: the launcher, or the original
};

/// What a command or script is called: its file's name without ".py". Throws Failure where that can
/// be no program's name.
[[nodiscard]] std::string program_name(const std::string& word);

/// What `word` means: a command in PATH, or the path of a script. Throws Failure where it is
/// neither, or cannot start warm.
[[nodiscard]] Adoption adoption_of(const std::string& word);

/// The virtual environment that `python` belongs to: its folder without links; empty: to none.
[[nodiscard]] std::string venv_of(const std::string& python);

/// The profile whose interpreter is `python`: that of its virtual environment, else "default" or
/// the first that has it, else one that is named after it. It need not exist yet.
[[nodiscard]] std::string profile_of_python(const std::string& python);

/// Those that were adopted before, by their drop-ins.
[[nodiscard]] std::vector<Adoption> adopted();
/// Nothing where `name` is none of them.
[[nodiscard]] std::optional<Adoption> find_adopted(const std::string& name);

}  // namespace pml::ctl
