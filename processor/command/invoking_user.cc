// SPDX-License-Identifier: Apache-2.0
#include "processor/command/invoking_user.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <vector>

#include "shared/check.h"

namespace splitprof {
namespace {

std::optional<uint32_t> number_from_environment(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr) return std::nullopt;
  uint32_t number = 0;
  const char* end = text + std::strlen(text);
  const auto [rest, error] = std::from_chars(text, end, number);
  if (error != std::errc{} || rest != end || number == UINT32_MAX) return std::nullopt;
  return number;
}

}  // namespace

InvokingUser find_invoking_user() {
  InvokingUser user{.uid = geteuid(), .gid = getegid(), .name = {}, .differs = false};
  const auto uid = number_from_environment("SUDO_UID");
  const auto gid = number_from_environment("SUDO_GID");
  if (user.uid == 0 && uid && gid && *uid != 0) {
    user.uid = *uid;
    user.gid = *gid;
    user.differs = true;
  }
  if (const passwd* entry = getpwuid(user.uid); entry != nullptr) user.name = entry->pw_name;
  return user;
}

bool become(const InvokingUser& user) {
  if (!user.differs) return true;
  const bool groups_set =
      user.name.empty() ? setgroups(1, &user.gid) == 0 : initgroups(user.name.c_str(), user.gid) == 0;
  return groups_set && setresgid(user.gid, user.gid, user.gid) == 0 && setresuid(user.uid, user.uid, user.uid) == 0;
}

AsUser::AsUser(const InvokingUser& user) {
  if (!user.differs) return;
  // Supplementary groups go first: they are root's, and would let the user write what only they may.
  CHECK(setgroups(1, &user.gid) == 0 && setegid(user.gid) == 0 && seteuid(user.uid) == 0);
  switched_ = true;
}

AsUser::~AsUser() {
  if (!switched_) return;
  CHECK(seteuid(0) == 0 && setegid(0) == 0);
}

}  // namespace splitprof
