#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "require.hpp"
#include "service/shell_words.hpp"
#include "service/text_dialect.hpp"

namespace {

using namespace pml;

std::string quoted(const std::string& word) {
  std::string result = "'";
  for (const char c : word) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

// Words that are quoted again are the same words.
void check_words(std::string_view line) {
  const auto words = service::split_words(line);
  if (!words) return;
  std::string again;
  for (const std::string& word : *words) again += quoted(word) + ' ';
  PML_REQUIRE(service::split_words(again) == words);
}

void check_line(std::string_view line) {
  const service::TextLine parsed = service::parse_text(line);
  if (const auto* request = std::get_if<service::TextRequest>(&parsed))
    PML_REQUIRE(!request->target.empty());
  const auto* error = std::get_if<service::TextError>(&parsed);
  if (error == nullptr) return;
  PML_REQUIRE(!error->reason.empty());
  PML_REQUIRE(error->reason.find('\n') == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  check_words(line);
  check_line(line);
  static_cast<void>(service::looks_complete(line));
  wire::Reply reply;
  reply.text = line;
  const std::string answer = service::text_of(reply);
  PML_REQUIRE(answer.ends_with('\n') && answer.find('\n') == answer.size() - 1);
  return 0;
}
