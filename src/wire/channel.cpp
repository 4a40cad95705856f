#include "wire/channel.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "wire/codec.hpp"
#include "wire/request.hpp"
#include "wire/zygote_message.hpp"

namespace pml::wire {

namespace {

constexpr std::size_t k_most_descriptors = k_descriptors_a_packet + 3;
constexpr std::size_t k_control_size = CMSG_SPACE(k_most_descriptors * sizeof(int));

}  // namespace

Received receive(base::BorrowedFd socket, std::span<char> buffer, int flags) {
  Received result;
  iovec part{buffer.data(), buffer.size()};
  alignas(cmsghdr) char control[k_control_size];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t size = 0;
  do {
    size = ::recvmsg(socket.get(), &message, flags | MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0) {
    result.error = errno;
    return result;
  }
  result.size = static_cast<std::size_t>(size);
  result.truncated = (message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0;
  for (cmsghdr* item = CMSG_FIRSTHDR(&message); item != nullptr;
       item = CMSG_NXTHDR(&message, item)) {
    if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(item) + i * sizeof(int), sizeof number);
      result.descriptors.emplace_back(base::k_adopt, number);
    }
  }
  return result;
}

long send_some(base::BorrowedFd socket, std::string_view bytes, std::span<const int> descriptors,
               int flags) noexcept {
  if (descriptors.size() > k_most_descriptors) return -E2BIG;
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) char control[k_control_size];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    std::memset(control, 0, message.msg_controllen);  // what pads an odd number of them, too
    cmsghdr* item = CMSG_FIRSTHDR(&message);
    item->cmsg_level = SOL_SOCKET;
    item->cmsg_type = SCM_RIGHTS;
    item->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(item), descriptors.data(), descriptors.size_bytes());
  }
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket.get(), &message, flags | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : sent;
}

int send_job(base::BorrowedFd link, std::string_view body, int connection,
             std::span<const int> descriptors) {
  JobHeader header;
  header.body_size = static_cast<std::uint32_t>(body.size());
  header.descriptor_count = static_cast<std::uint32_t>(descriptors.size());
  std::vector<int> batch{connection};
  base::UniqueFd memory;
  std::string bytes;
  if (body.size() > k_max_inline_body) {
    header.in_memory = 1;
    memory = base::UniqueFd(base::k_adopt, ::memfd_create("pml-request", MFD_CLOEXEC));
    if (!memory.valid()) return -errno;
    for (std::size_t done = 0; done < body.size();) {
      const ssize_t written = ::write(memory.get(), body.data() + done, body.size() - done);
      if (written <= 0) return written < 0 ? -errno : -EIO;
      done += static_cast<std::size_t>(written);
    }
    batch.push_back(memory.get());
    bytes.assign(reinterpret_cast<const char*>(&header), sizeof header);
  } else {
    bytes.reserve(sizeof header + body.size());
    bytes.assign(reinterpret_cast<const char*>(&header), sizeof header);
    bytes.append(body);
  }
  std::string_view packet = bytes;
  do {
    const auto own =
        descriptors.first(std::min<std::size_t>(descriptors.size(), k_descriptors_a_packet));
    descriptors = descriptors.subspan(own.size());
    batch.insert(batch.end(), own.begin(), own.end());
    const long sent = send_some(link, packet, batch, MSG_DONTWAIT);
    if (sent < 0) return static_cast<int>(sent);
    batch.clear();
    packet = "+";
  } while (!descriptors.empty());
  return 0;
}

std::string encode_arguments(const std::vector<std::string_view>& arguments) {
  Writer out;
  out.texts(arguments);
  return out.take();
}

std::optional<std::vector<std::string_view>> decode_arguments(std::string_view bytes) {
  Reader in(bytes);
  std::vector<std::string_view> arguments = in.texts();
  if (!in.finished()) return std::nullopt;
  return arguments;
}

int send_arguments(base::BorrowedFd link, std::string_view arguments) {
  JobHeader header;
  header.body_size = static_cast<std::uint32_t>(arguments.size());
  header.arguments_only = 1;
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes.append(arguments);
  const long sent = send_some(link, bytes, {}, MSG_DONTWAIT);
  return sent < 0 ? static_cast<int>(sent) : 0;
}

namespace {

/// Of the packet, which stays where it is; waits for it. A negative errno where that fails.
long size_of_next(base::BorrowedFd socket) {
  ssize_t size = 0;
  do {
    size = ::recv(socket.get(), nullptr, 0, MSG_PEEK | MSG_TRUNC);
  } while (size < 0 && errno == EINTR);
  return size < 0 ? -errno : size;
}

}  // namespace

std::optional<Job> receive_job(base::BorrowedFd link) {
  Job job;
  // Who waits for the largest packet that there can be holds sixteen pages for it.
  const long next = size_of_next(link);
  if (next < 0 || static_cast<std::size_t>(next) > sizeof(JobHeader) + k_max_inline_body)
    return std::nullopt;
  std::string buffer(static_cast<std::size_t>(next), '\0');
  Received first = receive(link, buffer);
  JobHeader header;
  if (first.error != 0 || first.truncated || first.size < sizeof header) return std::nullopt;
  std::memcpy(&header, buffer.data(), sizeof header);
  if (header.arguments_only == 1 && first.size == sizeof header + header.body_size) {
    job.arguments_only = true;
    job.body = buffer.substr(sizeof header, header.body_size);
    return job;
  }
  if (header.arguments_only != 0 || header.in_memory > 1 || header.body_size > k_max_body ||
      header.descriptor_count > k_max_descriptors ||
      first.descriptors.size() < 1 + header.in_memory)
    return std::nullopt;
  job.connection = std::move(first.descriptors[0]);
  auto own = first.descriptors.begin() + 1;
  if (header.in_memory != 0) {
    job.body.resize(header.body_size);
    const base::UniqueFd memory = std::move(*own++);
    for (std::size_t done = 0; done < job.body.size();) {
      const ssize_t size = ::pread(memory.get(), job.body.data() + done, job.body.size() - done,
                                   static_cast<off_t>(done));
      if (size <= 0) return std::nullopt;
      done += static_cast<std::size_t>(size);
    }
  } else {
    if (first.size != sizeof header + header.body_size) return std::nullopt;
    buffer.resize(first.size);
    buffer.erase(0, sizeof header);
    job.body = std::move(buffer);
  }
  std::move(own, first.descriptors.end(), std::back_inserter(job.descriptors));
  while (job.descriptors.size() < header.descriptor_count) {
    char byte = 0;
    Received more = receive(link, std::span(&byte, 1));
    if (more.error != 0 || more.size == 0 || more.truncated) return std::nullopt;
    std::move(more.descriptors.begin(), more.descriptors.end(),
              std::back_inserter(job.descriptors));
  }
  if (job.descriptors.size() != header.descriptor_count) return std::nullopt;
  return job;
}

}  // namespace pml::wire
