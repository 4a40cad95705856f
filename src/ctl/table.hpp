#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pml::ctl {

enum class Colour { none, bold, good, warning, bad, faint };

/// `text` in a colour, where colours are shown: on a terminal, without NO_COLOR.
[[nodiscard]] std::string coloured(std::string_view text, Colour colour);
/// Whether standard output shows colours.
[[nodiscard]] bool shows_colours();

/// How many columns `text` (UTF-8) takes.
[[nodiscard]] std::size_t width_of(std::string_view text) noexcept;

struct Cell {
  std::string text;
  Colour colour = Colour::none;
};

/// Columns under headings, as wide as they need to be. A heading that begins with ">" stands to the
/// right, with its column.
class Table {
 public:
  explicit Table(std::vector<std::string> headings);
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }
  [[nodiscard]] std::string text() const;

 private:
  void append_row(std::string& text, const std::vector<Cell>& row,
                  const std::vector<std::size_t>& widths) const;

  std::vector<Cell> headings_;
  std::vector<bool> right_;
  std::vector<std::vector<Cell>> rows_;
};

/// Writes `text` to standard output; through a pager where `pager` is true, standard output is a
/// terminal and the text is longer than it.
void print(const std::string& text, bool pager);

/// Clears the terminal and writes as many lines of `text` as it has.
void print_screen(const std::string& text);

}  // namespace pml::ctl
