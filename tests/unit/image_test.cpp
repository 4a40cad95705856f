#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <memory>

#include "image/memory_list.hpp"
#include "image/reader.hpp"
#include "image/switch.hpp"
#include "image/writer.hpp"

namespace pml::image {

namespace {

struct Free {
  void operator()(char* memory) const { std::free(memory); }
};

/// The tables of an image that can be restored.
struct Table {
  std::unique_ptr<char, Free> memory{static_cast<char*>(std::aligned_alloc(k_page, k_table_size))};
  std::uint64_t size = k_table_size + 4 * k_page;

  Table() {
    std::memset(memory.get(), 0, k_table_size);
    Header& head = header();
    head = Header();
    head.size = size;
    head.mappings = sizeof(Header);
    head.mapping_count = 3;
    head.files = head.mappings + 8 * sizeof(Mapping);
    head.file_count = 1;
    constexpr char k_name[] = "/usr/bin/python3";
    file().name = k_table_size - sizeof k_name;
    file().name_size = sizeof k_name - 1;
    std::memcpy(memory.get() + file().name, k_name, sizeof k_name);
    mapping(0) = {{0x400000, 0x402000}, 0, 0, PROT_READ, Kind::file};
    mapping(1) = {{0x500000, 0x502000}, k_table_size, 0, PROT_READ | PROT_WRITE, Kind::bytes};
    mapping(2) = {{0x7ff000000000, 0x7ff000010000},
                  k_table_size + 2 * k_page,
                  0x7ff00000f000,
                  PROT_READ | PROT_WRITE,
                  Kind::stack};
    head.registers.rsp = 0x7ff00000ff00;
    head.thread = 0x500100;
    head.thread_number = 0x500200;
    head.rseq = 0x500300;
    head.rseq_size = 32;
    head.kernel_page_count = 2;
    head.kernel_pages[0] = {0x7f0000000000, 0x7f0000004000};
    head.kernel_pages[1] = {0x7f0000004000, 0x7f0000006000};
    head.vdso = 0x7f0000004000;
  }

  /// The first mapping lies elsewhere.
  void put_first(std::uint64_t start, std::uint64_t end) { mapping(0).at = {start, end}; }

  Header& header() const { return *reinterpret_cast<Header*>(memory.get()); }
  Mapping& mapping(std::size_t place) const {
    return reinterpret_cast<Mapping*>(memory.get() + header().mappings)[place];
  }
  File& file() const { return *reinterpret_cast<File*>(memory.get() + header().files); }
  bool good() const { return read({memory.get(), k_table_size}, size).has_value(); }
};

TEST(Image, WhatIsWellFormedIsRead) {
  const Table table;
  const auto tables = read({table.memory.get(), k_table_size}, table.size);
  ASSERT_TRUE(tables);
  EXPECT_EQ(tables->mappings.size(), 3U);
  EXPECT_STREQ(tables->name_of(tables->files[0]), "/usr/bin/python3");
}

using Spoil = void (*)(Table&);

TEST(Image, NothingElseIs) {
  constexpr Spoil k_spoilt[] = {
      [](Table& t) { ++t.header().magic; },
      [](Table& t) { t.size += k_page; },
      [](Table& t) { t.header().mappings = 8; },
      [](Table& t) { t.header().mapping_count = 1U << 31; },
      [](Table& t) { t.header().file_count = 1U << 30; },
      [](Table& t) { t.header().handler_count = 65; },
      [](Table& t) { t.header().kernel_page_count = 7; },
      [](Table& t) { t.file().name = k_table_size - 3; },
      [](Table& t) { t.memory.get()[t.file().name] = 'u'; },
      [](Table& t) { t.memory.get()[t.file().name + 3] = '\0'; },
      [](Table& t) { t.mapping(0).file = 1; },
      [](Table& t) { t.mapping(0).offset = 1; },
      [](Table& t) { t.mapping(0).protection = 8; },
      [](Table& t) { t.put_first(0x401000, 0x401000); },
      [](Table& t) { t.put_first(0x100000, 0x402000); },  // the client itself
      [](Table& t) { t.put_first(k_work_start, k_work_start + k_page); },
      [](Table& t) { t.mapping(0).at.start = 0; },
      [](Table& t) { t.mapping(0).at.end = 0x501000; },  // over the next one
      [](Table& t) { t.mapping(0).shared = 1, t.mapping(0).protection = PROT_WRITE; },
      [](Table& t) { t.mapping(1).shared = 1; },
      [](Table& t) { t.mapping(1).offset = 0; },
      [](Table& t) { t.mapping(1).offset = t.size - k_page; },
      [](Table& t) { t.mapping(1).kind = static_cast<Kind>(5); },
      [](Table& t) { t.mapping(2).kind = Kind::zero; },
      [](Table& t) { t.mapping(2).at.end = UINT64_MAX & ~(k_page - 1); },
      [](Table& t) { t.mapping(2).contents = t.mapping(2).at.end; },
      [](Table& t) { t.header().registers.rsp = 0x7ff000000000; },
      [](Table& t) { t.header().thread = 0x400100; },
      [](Table& t) { t.header().thread_number = 0x501ffe; },
      [](Table& t) { t.header().rseq = 0x501ff8; },
      [](Table& t) { t.header().vdso = 0x7f0000000000; },
      [](Table& t) { t.header().kernel_pages[1].start += k_page; },
      [](Table& t) { t.header().kernel_pages[0].start = 0x400000; },
      [](Table& t) { t.header().handler_count = 1; },  // of no signal
  };
  for (std::size_t i = 0; i < std::size(k_spoilt); ++i) {
    Table table;
    k_spoilt[i](table);
    EXPECT_FALSE(table.good()) << i;
  }
}

constexpr const char* k_list =
    "00400000-00401000 r--p 00001000 fe:00 42      /usr/bin/python3 of mine\n"
    "Size:                  4 kB\nProtectionKey:         0\nVmFlags: rd mr mw me sd \n"
    "7f0000000000-7f0000001000 rw-s 00000000 00:01 7 /dev/zero (deleted)\n"
    "VmFlags: rd wr sh mr mw me ms \n";

TEST(MemoryList, IsTakenApart) {
  Region room[2];
  const auto regions = parse_memory_list(k_list, room);
  ASSERT_TRUE(regions);
  ASSERT_EQ(regions->size(), 2U);
  EXPECT_EQ(room[0].at.start, 0x400000U);
  EXPECT_EQ(room[0].offset, 0x1000U);
  EXPECT_EQ(room[0].name, "/usr/bin/python3 of mine");
  EXPECT_EQ(room[0].protection, static_cast<unsigned>(PROT_READ));
  EXPECT_EQ(obstacle(room[0]), nullptr);
  EXPECT_TRUE(room[1].shared);
  EXPECT_NE(obstacle(room[1]), nullptr);
  EXPECT_FALSE(parse_memory_list(k_list, std::span(room).first(1)));
  EXPECT_FALSE(parse_memory_list("VmFlags: rd\n", room));
  EXPECT_FALSE(parse_memory_list("00400000-00401000 r--p 0 0 0\n", room));
}

Region plain_region() {
  Region region;
  region.at = {0x400000, 0x401000};
  region.protection = PROT_READ | PROT_WRITE;
  region.flags = "rd wr mr mw me ac sd ";
  return region;
}

TEST(MemoryList, WhatCannotBeRestoredIsNamed) {
  EXPECT_EQ(obstacle(plain_region()), nullptr);
  for (const char* flag : {"wf", "dc", "dp", "lo", "io", "pf", "ht", "um", "ss", "r ", "d w"}) {
    Region region = plain_region();
    const std::string flags = std::string("rd wr mr mw me ac ") + flag + " sd ";
    region.flags = flags;
    EXPECT_NE(obstacle(region), nullptr) << flag;
  }
  Region region = plain_region();
  region.keyed = true;
  EXPECT_NE(obstacle(region), nullptr);
  for (const char* name : {"anon_inode:[io_uring]", "[uprobes]", "/lib/x.so (deleted)",
                           "/dev/shm/x", "/memfd:x", "/a\\012b"}) {
    region = plain_region();
    region.name = name;
    EXPECT_NE(obstacle(region), nullptr) << name;
  }
}

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)

TEST(Image, OfThisProcessCanBeReadAndIsSealed) {
  static Registers registers;
  if (pml_image_note(&registers) != nullptr) FAIL();
  const Written written = write(registers);
  if (!written.image.valid()) GTEST_SKIP() << written.refusal << ": " << written.detail;
  const off_t size = ::lseek(written.image.get(), 0, SEEK_END);
  void* const table = ::mmap(nullptr, k_table_size, PROT_READ, MAP_PRIVATE, written.image.get(), 0);
  ASSERT_NE(table, MAP_FAILED);
  const auto tables =
      read({static_cast<char*>(table), k_table_size}, static_cast<std::uint64_t>(size));
  ASSERT_TRUE(tables);
  bool found = false;  // what this test holds itself
  for (const Mapping& mapping : tables->mappings) {
    const auto place = reinterpret_cast<std::uint64_t>(&registers);
    if (mapping.kind != Kind::bytes || place < mapping.at.start || place >= mapping.at.end)
      continue;
    Registers kept;
    const auto offset = static_cast<off_t>(mapping.offset + (place - mapping.at.start));
    ASSERT_EQ(::pread(written.image.get(), &kept, sizeof kept, offset),
              static_cast<ssize_t>(sizeof kept));
    found = kept.rsp == registers.rsp && kept.rip == registers.rip;
  }
  EXPECT_TRUE(found);
  EXPECT_EQ(::pwrite(written.image.get(), "x", 1, 0), -1);
  ::munmap(table, k_table_size);
}

#endif

}  // namespace

}  // namespace pml::image
