#include "service/shell_words.hpp"

namespace pml::service {

namespace {

bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// Reads one word a time from the front of a line.
class Splitter {
 public:
  explicit Splitter(std::string_view line) noexcept : rest_(line) {}

  bool skip_blanks() noexcept {
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
    return !rest_.empty();
  }

  bool read_word(std::string& word) {
    while (!rest_.empty() && !is_blank(rest_.front())) {
      const char c = take();
      bool closed = true;
      if (c == '\'')
        closed = read_literal(word);
      else if (c == '"')
        closed = read_quoted(word);
      else if (c == '\\')
        closed = read_escaped(word);
      else
        word.push_back(c);
      if (!closed) return false;
    }
    return true;
  }

 private:
  char take() noexcept {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  bool read_literal(std::string& word) {
    const std::size_t end = rest_.find('\'');
    if (end == std::string_view::npos) return false;
    word.append(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return true;
  }

  bool read_quoted(std::string& word) {
    while (!rest_.empty()) {
      const char c = take();
      if (c == '"') return true;
      if (c != '\\' || rest_.empty() ||
          std::string_view("$`\"\\\n").find(rest_.front()) == std::string_view::npos) {
        word.push_back(c);
        continue;
      }
      if (const char quoted = take(); quoted != '\n') word.push_back(quoted);
    }
    return false;
  }

  bool read_escaped(std::string& word) {
    if (rest_.empty()) return false;
    if (const char c = take(); c != '\n') word.push_back(c);
    return true;
  }

  std::string_view rest_;
};

}  // namespace

std::optional<std::vector<std::string>> split_words(std::string_view line) {
  std::vector<std::string> words;
  Splitter splitter(line);
  while (splitter.skip_blanks()) {
    std::string word;
    if (!splitter.read_word(word)) return std::nullopt;
    words.push_back(std::move(word));
  }
  return words;
}

}  // namespace pml::service
