// SPDX-License-Identifier: Apache-2.0
#include "sampler/link.h"

#include <fcntl.h>

namespace splitprof {
namespace {

class OpenFileServer final : public schema::OpenFile::Server {
 public:
  explicit OpenFileServer(kj::AutoCloseFd fd) : fd_(kj::mv(fd)) {}
  kj::Maybe<int> getFd() override { return fd_.get(); }

 private:
  kj::AutoCloseFd fd_;
};

}  // namespace

kj::Exception exception_of(const Error& error) {
  auto type = kj::Exception::Type::FAILED;
  if (error.code == Errc::gone) type = kj::Exception::Type::DISCONNECTED;
  if (error.code == Errc::timed_out || error.code == Errc::too_large) type = kj::Exception::Type::OVERLOADED;
  if (error.code == Errc::unsupported) type = kj::Exception::Type::UNIMPLEMENTED;
  return kj::Exception(type, __FILE__, __LINE__, kj::str(error.message.c_str()));
}

kj::ArrayPtr<const kj::byte> bytes_of(const std::string& text) {
  return {reinterpret_cast<const kj::byte*>(text.data()), text.size()};
}

schema::OpenFile::Client open_file(kj::AutoCloseFd fd) {
  return kj::heap<OpenFileServer>(kj::mv(fd));
}

schema::OpenFile::Client duplicate(int fd) {
  int copy;
  KJ_SYSCALL(copy = fcntl(fd, F_DUPFD_CLOEXEC, 3));
  return open_file(kj::AutoCloseFd(copy));
}

}  // namespace splitprof
