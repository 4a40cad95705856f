#pragma once

namespace pml::worker {

/// Which pages a worker makes its own before its job comes. They are the same for every worker of a
/// zygote, so the first one notes them, and the others have the kernel copy them all at once
/// instead of one fault after another. A matter of time alone: what it cannot find out or do, it
/// leaves out.
///
/// Lives in memory that a zygote shares with its workers until each has let it go; a job never has
/// it.
class Footprint {
 public:
  Footprint() noexcept;
  Footprint(const Footprint&) = delete;
  Footprint& operator=(const Footprint&) = delete;
  ~Footprint() = default;  // the zygote's end frees it, as a worker's does

  /// In a new worker: takes the pages that are known.
  void adopt() const noexcept;
  /// In a worker that has rehearsed: notes its pages where no other has, and lets the memory go.
  void leave(bool rehearsed) noexcept;

 private:
  struct Shared;
  Shared* shared_ = nullptr;
};

}  // namespace pml::worker
