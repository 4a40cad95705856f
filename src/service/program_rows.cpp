#include "service/program_rows.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <tuple>

namespace pml::service {

namespace {

namespace fs = std::filesystem;
using profile::TargetKind;

std::string real_path(const std::string& path) {
  std::error_code error;
  const fs::path real = fs::weakly_canonical(path, error);
  return error ? path : real.string();
}

unsigned readiness(const Program& program) noexcept {
  if (!program.pool) return 0;
  return program.pool->waiting() > 0 ? 2 : 1;
}

bool comes_before(const Program* left, const Program* right) noexcept {
  return std::tuple(right->declared, readiness(*right), right->record.last.front(), left->id) <
         std::tuple(left->declared, readiness(*left), left->record.last.front(), right->id);
}

}  // namespace

std::string origin_of(const ProgramKey& key) {
  if (key.kind == TargetKind::script) return real_path(path_of(key));
  if (key.kind != TargetKind::module || key.folder.empty()) return {};
  return folder_holds_module(key.folder, key.target) ? real_path(key.folder) : "";
}

std::vector<ProgramRow> rows_of(std::vector<const Program*> programs) {
  std::sort(programs.begin(), programs.end(), comes_before);
  std::vector<ProgramRow> rows;
  std::map<std::tuple<bool, TargetKind, std::string, std::string>, std::size_t> known;
  for (const Program* program : programs) {
    const ProgramKey& key = program->record.key;
    const auto [place, fresh] = known.try_emplace(
        program->declared ? std::tuple(true, TargetKind::script, program->name, std::string())
                          : std::tuple(false, key.kind, program->name, origin_of(key)),
        rows.size());
    if (fresh) rows.emplace_back();
    rows[place->second].push_back(program);
  }
  return rows;
}

bool is_called(const Program& program, const std::string& word) {
  if (program.name == word) return true;
  const ProgramKey& key = program.record.key;
  return word.starts_with('/') && key.kind == TargetKind::script &&
         (path_of(key) == word || origin_of(key) == real_path(word));
}

}  // namespace pml::service
