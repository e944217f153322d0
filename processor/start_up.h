// SPDX-License-Identifier: Apache-2.0
//
// What every way of running the processor begins with. Main thread, before the sandbox is shut.
#pragma once

#include <kj/io.h>

#include <string>

#include "processor/options.h"
#include "shared/result.h"

namespace splitprof {

// Every executable in use stays open for its symbols: takes as many descriptors as may be had.
void raise_file_limit();

Result<kj::AutoCloseFd> connection_to_sampler(const ProcessorOptions& options);

// Makes a folder, with those above it, and gives it to whom root becomes; one that is there is given, too.
Result<> make_own_folder(const std::string& path, const std::string& user);

// The folder where a daemon keeps what has to outlive it, made and given to the user that it becomes: --state, or what
// systemd says, or /var/lib/splitprof when started as root. Empty: there is none.
Result<std::string> prepare_state_folder(const ProcessorOptions& options);

}  // namespace splitprof
