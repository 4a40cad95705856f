#include "image/reader.hpp"

namespace pml::image {

namespace {

constexpr std::uint32_t k_read = 1, k_write = 2, k_all = 7;  // PROT_READ, PROT_WRITE, all of them

bool in_pages(const Span& span) noexcept {
  return span.start % k_page == 0 && span.end % k_page == 0 && span.start < span.end &&
         span.end <= k_address_end;
}

bool meet(const Span& one, const Span& other) noexcept {
  return one.start < other.end && other.start < one.end;
}

/// Where the client is, and below what any process may map.
bool is_clients(const Span& span) noexcept {
  return span.start < k_client_start || meet(span, {k_client_start, k_client_end}) ||
         meet(span, {k_work_start, k_work_end});
}

bool holds(std::uint64_t size, std::uint64_t offset, std::uint64_t length) noexcept {
  return offset <= size && length <= size - offset;
}

/// A table of `count` entries that lies behind the header.
template <typename Entry>
std::optional<std::span<const Entry>> table_at(std::span<const char> table, std::uint32_t offset,
                                               std::uint32_t count) noexcept {
  if (offset < sizeof(Header) || offset % alignof(Entry) != 0 ||
      !holds(table.size(), offset, std::uint64_t{count} * sizeof(Entry)))
    return std::nullopt;
  return std::span<const Entry>(reinterpret_cast<const Entry*>(table.data() + offset), count);
}

bool is_good(const File& file, std::span<const char> table) noexcept {
  if (!holds(table.size(), file.name, std::uint64_t{file.name_size} + 1) || file.name_size == 0)
    return false;
  const std::string_view name(table.data() + file.name, file.name_size);
  return name[0] == '/' && name.find('\0') == std::string_view::npos &&
         table[file.name + file.name_size] == '\0';
}

bool is_good(const Mapping& mapping, const Tables& tables, std::uint64_t size) noexcept {
  if (!in_pages(mapping.at) || is_clients(mapping.at) || (mapping.protection & ~k_all) != 0)
    return false;
  if (mapping.shared > 1 ||
      (mapping.shared != 0 && (mapping.kind != Kind::file || (mapping.protection & k_write) != 0)))
    return false;
  const std::uint64_t length = mapping.at.end - mapping.at.start;
  switch (mapping.kind) {
    case Kind::file:
      return mapping.file < tables.files.size() && mapping.offset % k_page == 0 &&
             mapping.offset <= INT64_MAX - length;
    case Kind::bytes:
      return mapping.offset % k_page == 0 && mapping.offset >= k_table_size &&
             holds(size, mapping.offset, length);
    case Kind::zero:
      return true;
    case Kind::stack:
      return mapping.protection == (k_read | k_write) && mapping.contents >= mapping.at.start &&
             mapping.contents < mapping.at.end && mapping.offset >= k_table_size &&
             holds(size, mapping.offset, mapping.at.end - mapping.contents);
  }
  return false;
}

bool are_good(std::span<const Mapping> mappings, const Tables& tables,
              std::uint64_t size) noexcept {
  std::uint64_t end = 0;
  unsigned stacks = 0;
  for (const Mapping& mapping : mappings) {
    if (!is_good(mapping, tables, size) || mapping.at.start < end) return false;
    if (mapping.kind == Kind::stack) {
      ++stacks;
      const std::uint64_t stack_pointer = tables.header->registers.rsp;
      if (stack_pointer < mapping.contents || stack_pointer >= mapping.at.end) return false;
    }
    end = mapping.at.end;
  }
  return stacks == 1;
}

bool are_good(std::span<const Span> pages, std::uint64_t vdso,
              std::span<const Mapping> mappings) noexcept {
  if (pages.empty() || vdso != pages.back().start) return false;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    if (!in_pages(pages[i]) || is_clients(pages[i])) return false;
    if (i > 0 && pages[i].start != pages[i - 1].end) return false;
  }
  const Span all{pages.front().start, pages.back().end};
  if (all.end - all.start > k_table_size) return false;
  for (const Mapping& mapping : mappings)
    if (meet(mapping.at, all)) return false;
  return true;
}

/// Whether `size` bytes at `address` can be written.
bool is_writable(std::span<const Mapping> mappings, std::uint64_t address,
                 std::uint64_t size) noexcept {
  for (const Mapping& mapping : mappings)
    if (address >= mapping.at.start && address < mapping.at.end)
      return (mapping.protection & k_write) != 0 && mapping.kind != Kind::file &&
             size <= mapping.at.end - address;
  return false;
}

bool are_good(std::span<const Handler> handlers) noexcept {
  for (const Handler& handler : handlers)
    if (handler.signal < 1 || handler.signal > 64) return false;
  return true;
}

}  // namespace

std::optional<Tables> read(std::span<const char> table, std::uint64_t size) noexcept {
  if (table.size() != k_table_size || size < k_table_size || size > INT64_MAX) return std::nullopt;
  Tables tables;
  const auto& header = *reinterpret_cast<const Header*>(table.data());
  tables.header = &header;
  if (header.magic != k_magic || header.size != size || header.handler_count > k_most_handlers ||
      header.kernel_page_count > k_most_kernel_pages)
    return std::nullopt;
  const auto files = table_at<File>(table, header.files, header.file_count);
  const auto mappings = table_at<Mapping>(table, header.mappings, header.mapping_count);
  if (!files || !mappings) return std::nullopt;
  tables.files = *files;
  tables.mappings = *mappings;
  tables.handlers = {header.handlers, header.handler_count};
  tables.kernel_pages = {header.kernel_pages, header.kernel_page_count};
  for (const File& file : tables.files)
    if (!is_good(file, table)) return std::nullopt;
  constexpr std::uint64_t k_thread_size = 64;
  if (!are_good(tables.mappings, tables, size) ||
      !are_good(tables.kernel_pages, header.vdso, tables.mappings) || !are_good(tables.handlers) ||
      !is_writable(tables.mappings, header.thread, k_thread_size) ||
      !is_writable(tables.mappings, header.thread_number, sizeof(std::int32_t)) ||
      (header.rseq_size != 0 &&
       (header.rseq % 32 != 0 || !is_writable(tables.mappings, header.rseq, 32))))
    return std::nullopt;
  return tables;
}

}  // namespace pml::image
