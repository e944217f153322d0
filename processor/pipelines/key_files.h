// SPDX-License-Identifier: Apache-2.0
//
// Certificates and keys stand in files that often only root may read: they are read before the daemon becomes another
// user, and from then on are text.
#pragma once

#include "processor/config/http_options.h"
#include "shared/result.h"

namespace splitprof {

// Replaces ca_file, cert_file and key_file by what is in them. An error names the file.
Result<> read_key_files(TlsOptions& tls);

}  // namespace splitprof
