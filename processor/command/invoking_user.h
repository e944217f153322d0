// SPDX-License-Identifier: Apache-2.0
//
// Who really asked: under sudo the user behind it, otherwise whoever runs this process. Outputs are opened and COMMAND
// runs as this user, so that root's rights are lent to nobody.
#pragma once

#include <sys/types.h>

#include <string>

namespace splitprof {

struct InvokingUser {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;      // empty: no entry in the user database
  bool differs = false;  // from this process's own user
};

// From SUDO_UID and SUDO_GID when this process is root; a malformed value is ignored.
InvokingUser find_invoking_user();

// Becomes the user for good: groups, then gid, then uid. False: not permitted; then the caller must not go on.
bool become(const InvokingUser& user);

// While it lives, files are opened with the user's rights (effective ids; this process has one thread then).
class AsUser {
 public:
  explicit AsUser(const InvokingUser& user);
  ~AsUser();
  AsUser(const AsUser&) = delete;
  AsUser& operator=(const AsUser&) = delete;

 private:
  bool switched_ = false;
};

}  // namespace splitprof
