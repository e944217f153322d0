// SPDX-License-Identifier: Apache-2.0
//
// From what the command line names to one merged and substituted document.
#pragma once

#include "processor/config/collector_config.h"
#include "processor/config/substitution.h"
#include "processor/config/value.h"

namespace splitprof::config {

struct Document {
  Value value;
  bool whole = true;  // false: something could not be read at all, as `problems` says
};
Document read_documents(const ConfigSources& sources, Problems& problems);

}  // namespace splitprof::config
