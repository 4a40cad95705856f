#include "zygote/heap.hpp"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>

#include "worker/python.hpp"

namespace pml::zygote {

namespace {

// How much lies in a row once it is settled. Malloc keeps its tops in steps of the kernel's pages;
// a row of several covers what is left of one.
constexpr std::size_t k_row = 64U << 10U;
constexpr std::size_t k_step = 16;             // both allocators round up to it
constexpr std::size_t k_largest_object = 512;  // what Python leaves to malloc is larger
constexpr std::size_t k_smallest_block = 24;   // of malloc's; the sizes follow in steps
constexpr std::size_t k_largest_block = 1032;  // what a thread keeps back of each size is smaller
constexpr std::size_t k_most = 32U << 20U;     // bytes to be used up by each allocator
constexpr std::size_t k_pool_head = 64;        // between the blocks of two pools of Python's

/// Allocates blocks of the size until so many of them came one behind the other, and gives back
/// these alone, so that they are the next to be handed out.
template <typename Allocate, typename Release>
void use_up(std::size_t size, std::size_t wanted, std::size_t& left, Allocate allocate,
            Release release) noexcept {
  std::array<void*, k_row / k_step + 2> row;
  wanted = std::min(wanted, row.size());
  std::size_t length = 0;
  std::uintptr_t last = 0;
  while (length < wanted && left >= size) {
    void* const block = allocate(size);
    if (block == nullptr) break;
    left -= size;
    const auto place = reinterpret_cast<std::uintptr_t>(block);
    if (place <= last || place - last > 2 * size + k_pool_head) length = 0;
    row[length++] = block;
    last = place;
  }
  while (length > 0) release(row[--length]);
}

/// Malloc does it at the next large request: in a worker that writes to hundreds of pages.
void sort_free_blocks() noexcept {
  void* const block = std::malloc(k_row);
  asm volatile("" : : "r"(block) : "memory");  // or the compiler leaves both calls out
  std::free(block);
}

}  // namespace

std::vector<worker::Ref> adjacent_strings(const std::vector<std::string>& texts) {
  std::map<std::size_t, std::size_t> counts;  // by the size of a block
  for (const std::string& text : texts) {
    const std::size_t size = sizeof(PyASCIIObject) + text.size() + 1;
    ++counts[(size + k_step - 1) / k_step * k_step];
  }
  std::size_t left = k_most;
  for (const auto& [size, count] : counts)
    if (size <= k_largest_object) use_up(size, count, left, PyObject_Malloc, PyObject_Free);
  std::vector<worker::Ref> strings;
  strings.reserve(texts.size());
  for (const std::string& text : texts)
    strings.push_back(worker::Ref::steal(
        PyUnicode_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size()))));
  return strings;
}

void bind_functions_of_fork() noexcept {
  Py_tss_t key = Py_tss_NEEDS_INIT;
  if (PyThread_tss_create(&key) == 0) PyThread_tss_delete(&key);
}

void settle_heap() noexcept {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::size_t left = k_most;
  for (std::size_t size = k_step; size <= k_largest_object; size += k_step)
    use_up(size, k_row / size, left, PyObject_Malloc, PyObject_Free);
  ::malloc_trim(0);
  sort_free_blocks();
  // The smallest are cut from whatever is free, the others only from what the thread kept back.
  left = k_most;
  use_up(k_smallest_block, k_row / k_smallest_block, left, std::malloc, std::free);
  for (std::size_t size = k_smallest_block; size <= k_largest_block; size += k_step)
    use_up(size, page / size + 2, left, std::malloc, std::free);
  sort_free_blocks();
}

}  // namespace pml::zygote
