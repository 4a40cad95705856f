#include "wire/start_variables.hpp"

#include <algorithm>
#include <array>

namespace pml::wire {

namespace {

constexpr std::array<std::string_view, 9> k_before_main = {
    "LD_",          "MALLOC_",         "GLIBC_TUNABLES",  "COVERAGE_PROCESS_", "PYTHON_GIL",
    "OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES", "OPENSSL_ia32cap"};
constexpr std::array<std::string_view, 13> k_computing = {
    "OMP_",    "OPENBLAS_", "GOTO_", "MKL_",         "BLIS_",   "KMP_",   "NUMEXPR_",
    "VECLIB_", "GOMP_",     "NPY_",  "QT_HASH_SEED", "G_DEBUG", "G_SLICE"};

template <std::size_t N>
bool has_prefix(std::string_view name, const std::array<std::string_view, N>& prefixes) noexcept {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [name](std::string_view prefix) { return name.starts_with(prefix); });
}

}  // namespace

bool acts_before_main(std::string_view name) noexcept {
  return has_prefix(name, k_before_main);
}

bool acts_on_computing(std::string_view name) noexcept {
  return has_prefix(name, k_computing);
}

}  // namespace pml::wire
