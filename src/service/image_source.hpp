#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "event/source.hpp"

namespace pml::service {

/// The image of the warm zygote, of which clients make themselves its jobs. While there is one, a
/// file beside each socket says so.
class ImageSource {
 public:
  explicit ImageSource(event::Loop& loop) : loop_(loop) {}
  ImageSource(const ImageSource&) = delete;
  ImageSource& operator=(const ImageSource&) = delete;
  ~ImageSource() { drop(); }

  /// Where to say that there is an image: beside these sockets.
  void set_sockets(const std::vector<std::string>& paths);
  /// A process that writes an image has come from the zygote of `generation`.
  void came(base::UniqueFd link, std::uint32_t generation);
  /// There is none, and the one that is on its way is not wanted.
  void drop() noexcept;

  /// The image of that zygote, or an invalid descriptor.
  [[nodiscard]] base::BorrowedFd of(std::uint32_t generation) const noexcept;

 private:
  void ready();
  void take(base::UniqueFd image);

  event::Loop& loop_;
  std::vector<std::string> markers_;
  base::UniqueFd link_;
  event::Io watch_;
  base::UniqueFd image_;
  std::uint32_t generation_ = 0;
};

/// The path of the socket; empty where it has none.
[[nodiscard]] std::string path_of(base::BorrowedFd socket);

}  // namespace pml::service
