#include "ctl/table.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <sstream>

namespace pml::ctl {

namespace {

const char* code_of(Colour colour) noexcept {
  switch (colour) {
    case Colour::bold:
      return "\033[1m";
    case Colour::good:
      return "\033[32m";
    case Colour::warning:
      return "\033[33m";
    case Colour::bad:
      return "\033[31m";
    case Colour::faint:
      return "\033[2m";
    case Colour::none:
      break;
  }
  return "";
}

winsize size_of_terminal() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) size = {};
  return size;
}

/// The first `width` columns of `text`, which may hold colours; the last of them an ellipsis where
/// there was more.
std::string shortened(std::string_view text, std::size_t width) {
  std::size_t columns = 0, last = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\033')
      at = std::min(text.find('m', at), text.size() - 1);
    else if (width_of(text.substr(at, 1)) == 1 && ++columns == width)
      last = at;
    if (columns <= width) continue;
    const bool is_coloured = text.find('\033') != std::string_view::npos;
    return std::string(text.substr(0, last)) + "…" + (is_coloured ? "\033[0m" : "");
  }
  return std::string(text);
}

bool page(const std::string& text) {
  const char* pager = std::getenv("PAGER");
  ::setenv("LESS", "FRSXMK", 0);
  std::signal(SIGPIPE, SIG_IGN);  // the pager is left before the end
  FILE* pipe = ::popen(pager != nullptr && *pager != '\0' ? pager : "less", "we");
  if (pipe == nullptr) return false;
  std::fwrite(text.data(), 1, text.size(), pipe);
  return ::pclose(pipe) == 0;
}

}  // namespace

bool shows_colours() {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal == nullptr || std::string_view(terminal) == "dumb";
  return (no_colour == nullptr || *no_colour == '\0') && !dumb && ::isatty(STDOUT_FILENO) != 0;
}

std::string coloured(std::string_view text, Colour colour) {
  if (colour == Colour::none || text.empty() || !shows_colours()) return std::string(text);
  return code_of(colour) + std::string(text) + "\033[0m";
}

std::size_t width_of(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) >> 6) != 2; }));
}

Table::Table(std::vector<std::string> headings) {
  for (std::string& heading : headings) {
    right_.push_back(heading.starts_with('>'));
    headings_.push_back({right_.back() ? heading.substr(1) : std::move(heading), Colour::bold});
  }
}

void Table::append_row(std::string& text, const std::vector<Cell>& row,
                       const std::vector<std::size_t>& widths) const {
  std::string line;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const std::string padding(widths[i] - std::min(widths[i], width_of(row[i].text)), ' ');
    const std::string cell = coloured(row[i].text, row[i].colour);
    const bool last = i + 1 == row.size();
    line += right_[i] ? padding + cell : last ? cell : cell + padding;
    if (!last) line += "  ";
  }
  text += line + "\n";
}

std::string Table::text() const {
  std::vector<std::size_t> widths;
  for (const Cell& heading : headings_) widths.push_back(width_of(heading.text));
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], width_of(row[i].text));
  std::size_t in_front = 0;  // of the last column
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) in_front += widths[i] + 2;
  std::string text;
  append_row(text, headings_, widths);
  for (auto row : rows_) {
    // On a terminal a row takes one line.
    if (const std::size_t all = size_of_terminal().ws_col; all > in_front + 1)
      row.back().text = shortened(row.back().text, all - in_front);
    append_row(text, row, widths);
  }
  return text;
}

void print(const std::string& text, bool pager) {
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  const bool long_text = ::isatty(STDOUT_FILENO) != 0 && lines >= size_of_terminal().ws_row;
  if (pager && long_text && size_of_terminal().ws_row > 0 && page(text)) return;
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void print_screen(const std::string& text) {
  const winsize size = size_of_terminal();
  std::string screen = "\033[H\033[J";
  std::istringstream lines(text);
  std::string line;
  for (unsigned left = size.ws_row; left > 1 && std::getline(lines, line); --left)
    screen += shortened(line, size.ws_col) + "\n";
  print(screen, false);
}

}  // namespace pml::ctl
