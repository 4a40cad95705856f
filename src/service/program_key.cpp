#include "service/program_key.hpp"

#include <filesystem>

namespace pml::service {

namespace {

using profile::TargetKind;
namespace fs = std::filesystem;

constexpr std::size_t k_longest = 4096;
constexpr std::size_t k_most_options = 32;

bool has_place(TargetKind kind, std::string_view target) {
  return kind == TargetKind::module || (kind == TargetKind::script && !target.starts_with('/'));
}

std::string_view last_part(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

template <typename Options>
std::string joined(TargetKind kind, std::string_view target, const Options& options,
                   std::string_view folder) {
  std::string text(1, static_cast<char>('0' + static_cast<int>(kind)));
  text.append(target);
  for (const auto& option : options) text.append(1, '\n').append(option);
  if (has_place(kind, target)) text.append(1, '\0').append(folder);
  return text;
}

TargetKind kind_of(wire::ProgramKind kind) {
  return kind == wire::ProgramKind::module        ? TargetKind::module
         : kind == wire::ProgramKind::entry_point ? TargetKind::entry_point
                                                  : TargetKind::script;
}

bool names_a_program(const wire::Request& request) {
  return request.kind != wire::ProgramKind::command &&
         request.kind != wire::ProgramKind::standard_in && !request.target.empty() &&
         request.target.size() <= k_longest && request.cwd.size() <= k_longest &&
         request.interpreter_options.size() <= k_most_options;
}

/// "black" of "[DIST[==VERSION]:[GROUP:]]black".
std::string_view entry_name(std::string_view target) {
  return target.substr(target.rfind(':') + 1);
}

}  // namespace

std::string key_text(const wire::Request& request) {
  if (!names_a_program(request)) return {};
  return joined(kind_of(request.kind), request.target, request.interpreter_options, request.cwd);
}

std::string key_text(const ProgramKey& key) {
  return joined(key.kind, key.target, key.options, key.folder);
}

ProgramKey key_of(const wire::Request& request) {
  ProgramKey key;
  key.kind = kind_of(request.kind);
  key.target = request.target;
  key.options.assign(request.interpreter_options.begin(), request.interpreter_options.end());
  if (has_place(key.kind, key.target)) key.folder = request.cwd;
  return key;
}

std::string name_of(const ProgramKey& key) {
  if (key.kind == TargetKind::entry_point) return std::string(entry_name(key.target));
  return std::string(key.kind == TargetKind::script ? last_part(key.target) : key.target);
}

std::string path_of(const ProgramKey& key) {
  if (key.kind != TargetKind::script) return {};
  return key.target.starts_with('/') ? key.target : key.folder + "/" + key.target;
}

bool folder_holds_module(const std::string& folder, std::string_view module) {
  const std::string top(module.substr(0, module.find('.')));
  std::error_code error;
  return fs::exists(fs::path(folder) / (top + ".py"), error) ||
         fs::is_directory(fs::path(folder) / top, error);
}

bool is_meant(const profile::Program& declared, const ProgramKey& key) {
  if (declared.kind == TargetKind::module)
    return key.kind == TargetKind::module && key.target == declared.target;
  if (declared.kind == TargetKind::script) {
    if (key.kind != TargetKind::script) return false;
    const std::string path = path_of(key);
    if (path == declared.target) return true;
    std::error_code error;
    return last_part(path) == last_part(declared.target) &&
           fs::equivalent(path, declared.target, error) && !error;
  }
  if (key.kind == TargetKind::entry_point)
    return entry_name(key.target) == entry_name(declared.target);
  if (key.kind != TargetKind::script || last_part(key.target) != entry_name(declared.target))
    return false;
  const std::string_view folder =
      std::string_view(key.target).substr(0, key.target.size() - last_part(key.target).size());
  return folder.ends_with("bin/") || folder.ends_with("/games/");
}

}  // namespace pml::service
