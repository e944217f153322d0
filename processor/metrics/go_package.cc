// SPDX-License-Identifier: Apache-2.0
#include "processor/metrics/go_package.h"

namespace splitprof::metrics {

std::string_view go_package(std::string_view function) {
  // Dots before the last slash belong to a domain or a directory. That the slash may stand within the types of a
  // generic function is how the collector's connector has it, too.
  const size_t slash = function.rfind('/');
  const size_t last_part = slash == std::string_view::npos ? 0 : slash + 1;
  return function.substr(0, function.find('.', last_part));
}

}  // namespace splitprof::metrics
