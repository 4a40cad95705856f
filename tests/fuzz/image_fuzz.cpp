#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "image/memory_list.hpp"
#include "image/reader.hpp"
#include "require.hpp"

namespace {

using namespace pml;

alignas(image::k_page) char g_table[image::k_table_size];

// Whatever the tables hold: what is read can be followed without leaving the image.
void read_tables(const std::uint8_t* data, std::size_t size) {
  std::memset(g_table, 0, 64U << 10);
  std::memcpy(g_table, data, std::min<std::size_t>(size, 64U << 10));
  auto& header = *reinterpret_cast<image::Header*>(g_table);
  header.magic = image::k_magic;
  const auto tables = image::read(g_table, header.size);
  if (!tables) return;
  std::uint64_t end = 0;
  for (const image::Mapping& mapping : tables->mappings) {
    PML_REQUIRE(mapping.at.start >= end && mapping.at.start < mapping.at.end);
    end = mapping.at.end;
    PML_REQUIRE(end <= image::k_work_start || mapping.at.start >= image::k_work_end);
    PML_REQUIRE(mapping.at.start >= image::k_client_end);
    if (mapping.kind == image::Kind::bytes)
      PML_REQUIRE(mapping.offset + (end - mapping.at.start) <= header.size);
  }
  for (const image::File& file : tables->files)
    PML_REQUIRE(std::strlen(tables->name_of(file)) == file.name_size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static image::Region room[64];
  read_tables(data, size);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto regions = image::parse_memory_list(text, room))
    for (const image::Region& region : *regions) (void)image::obstacle(region);
  return 0;
}
