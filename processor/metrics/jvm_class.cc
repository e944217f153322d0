// SPDX-License-Identifier: Apache-2.0
#include "processor/metrics/jvm_class.h"

namespace splitprof::metrics {
namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

}  // namespace

std::string jvm_class(std::string_view function) {
  auto name = trim(function.substr(0, function.find('(')));
  if (const size_t space = name.rfind(' '); space != std::string_view::npos) name.remove_prefix(space + 1);
  name = name.substr(0, name.rfind('.'));
  const bool has_package = name.find('.') != std::string_view::npos;
  return (has_package ? "" : ".") + std::string(name);
}

}  // namespace splitprof::metrics
