// SPDX-License-Identifier: Apache-2.0
//
// ${env:NAME}, ${env:NAME:-default}, ${NAME}, ${file:PATH}, ${yaml:TEXT} and $$ in the values of a merged document, by
// the collector's rules: what stands for a whole value may be of any type, even a map; what stands within one is text;
// what was inserted is looked at again; keys are left alone. Bounded in number and size.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "processor/config/value.h"
#include "shared/result.h"

namespace splitprof::config {

using Environment = std::function<std::optional<std::string>(const std::string&)>;

void substitute(Value& value, const Environment& environment, Problems& problems);

// What "scheme:rest" stands for: file:PATH, env:NAME, env:NAME:-DEFAULT or yaml:TEXT.
struct Retrieved {
  std::string text;
  enum class From { source, default_value, nothing } from = From::source;  // nothing: a variable that is not set
};
Result<Retrieved> retrieve(const std::string& location, const Environment& environment);

}  // namespace splitprof::config
