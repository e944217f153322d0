// SPDX-License-Identifier: Apache-2.0
#include "sampler/opener/open_request.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace splitprof {
namespace {

Error error_of(const OpenAnswer& answer) {
  switch (answer.failure) {
    case OpenFailure::none:
    case OpenFailure::bad_request:
      break;
    case OpenFailure::gone:
      return fail(Errc::gone, "the process is gone");
    case OpenFailure::denied_target:
      return fail(Errc::denied, "the deny-list forbids it");
    case OpenFailure::other_program:
      return fail(Errc::gone, "the process runs another program");
    case OpenFailure::not_regular:
      return fail(Errc::denied, "not a regular file");
    case OpenFailure::foreign_file_system:
      return fail(Errc::denied, "not on a local file system");
    case OpenFailure::wrong_owner:
      return fail(Errc::denied, "neither the target's own file nor one that everybody may read");
    case OpenFailure::unsupported:
      return fail(Errc::unsupported, "this kernel has no openat2");
    case OpenFailure::failed:
      if (answer.error == ENOENT) return fail(Errc::not_found, "no such file");
      return fail(Errc::io, "{}", strerror(answer.error));
  }
  return fail(Errc::malformed, "bad request");
}

}  // namespace

std::optional<DecodedAnswer> decode_answer(std::span<const std::byte> packet, kj::AutoCloseFd file) {
  OpenAnswer answer;
  if (packet.size() < sizeof(answer)) return std::nullopt;
  memcpy(&answer, packet.data(), sizeof(answer));
  const uint64_t text_bytes = uint64_t{answer.text_bytes[0]} + answer.text_bytes[1] + answer.text_bytes[2];
  if (packet.size() - sizeof(answer) != text_bytes) return std::nullopt;
  if (answer.failure != OpenFailure::none) return DecodedAnswer{.id = answer.id, .reply = error_of(answer)};
  OpenReply reply{.file = kj::mv(file)};
  const auto* text = reinterpret_cast<const char*>(packet.data()) + sizeof(answer);
  for (size_t i = 0; i < 3; text += answer.text_bytes[i], ++i) reply.texts[i].assign(text, answer.text_bytes[i]);
  return DecodedAnswer{.id = answer.id, .reply = kj::mv(reply)};
}

bool send_packet(int socket, std::span<const iovec> parts, int passed_fd, int flags) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (passed_fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &passed_fd, sizeof(int));
  }
  ssize_t sent;
  do sent = sendmsg(socket, &message, flags | MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent >= 0;
}

ssize_t receive_packet(int socket, std::span<std::byte> into, kj::AutoCloseFd& passed_fd, int flags) {
  iovec part{.iov_base = into.data(), .iov_len = into.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t got;
  do got = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got < 0) return got;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
      header->cmsg_len == CMSG_LEN(sizeof(int))) {
    int fd;
    memcpy(&fd, CMSG_DATA(header), sizeof(int));
    passed_fd = kj::AutoCloseFd(fd);
  }
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0) return got;
  passed_fd = nullptr;
  errno = EMSGSIZE;
  return -1;
}

}  // namespace splitprof
