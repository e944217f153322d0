// SPDX-License-Identifier: Apache-2.0
//
// Shuts the processor in, so that whatever hostile input makes of it can do little: no capability, no new file, no
// process, no socket. Called once by main(), before the first thread, when configuration and outputs are open; threads
// started later are under the same rules.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shared/result.h"

namespace splitprof {

struct Account {
  uint32_t uid = 0, gid = 0;
};
// Whom the processor becomes when root starts it: `user`; empty: splitprof-processor if it exists, else uid and gid
// 61982.
Result<Account> account_of(const std::string& user);

// From root: becomes that account, in no other group. In every case: no capability is left.
Result<> drop_privileges(const std::string& user = {});

struct ConfineOptions {
  std::vector<std::string> readable;    // files or folders that may still be opened for reading
  std::vector<std::string> writable;    // folders in which files may be made, written and removed
  bool network = false;                 // may make Internet sockets, and resolve names
  std::vector<uint16_t> connect_ports;  // of TCP servers; with `network` only
  bool accept = false;                  // takes connections on sockets that listen already
  bool io_uring = false;                // uses a ring that was made, and restricted, before
};

// Returns sentences about what this kernel lacks, to be logged; an error when something that it has failed.
Result<std::vector<std::string>> confine(const ConfineOptions& options);

}  // namespace splitprof
