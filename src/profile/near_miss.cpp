#include "profile/near_miss.hpp"

#include <algorithm>
#include <string>

namespace pml::profile {

namespace {

constexpr std::size_t k_longest_word = 64;
constexpr std::size_t k_shortest_beginning = 3;

std::string small_letters(std::string_view word) {
  std::string result(word.substr(0, k_longest_word));
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

bool begins(std::string_view word, std::string_view beginning) {
  return beginning.size() >= k_shortest_beginning && word.starts_with(beginning);
}

}  // namespace

unsigned edit_distance(std::string_view first, std::string_view second) {
  const std::string a = small_letters(first);
  const std::string b = small_letters(second);
  std::vector<std::vector<unsigned>> cost(a.size() + 1, std::vector<unsigned>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = static_cast<unsigned>(i);
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = static_cast<unsigned>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const unsigned change = a[i - 1] == b[j - 1] ? 0 : 1;
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

std::string_view near_miss(std::string_view word, const std::vector<std::string_view>& candidates) {
  std::string_view best;
  const auto allowed = static_cast<unsigned>(std::clamp<std::size_t>(word.size() / 3, 1, 3));
  unsigned least = allowed + 1;
  for (const std::string_view candidate : candidates) {
    const unsigned distance = edit_distance(word, candidate);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  if (!best.empty()) return best;
  const std::string small = small_letters(word);
  for (const std::string_view candidate : candidates)
    if (begins(small, candidate) || begins(candidate, small)) return candidate;
  return {};
}

}  // namespace pml::profile
