// SPDX-License-Identifier: Apache-2.0
//
// Which index or data stream a point goes to, by its attributes and what its scope is called.
#pragma once

#include <string>
#include <string_view>

#include "processor/otel/attributes.h"

namespace splitprof::elasticsearch {

struct MetricTarget {
  std::string index;
  std::string dataset, name_space;  // of a data stream; empty: none
};

// `index`: of every point, as the configuration says; empty: it does not.
MetricTarget metric_target(std::string_view index, const otel::Attributes& point, const otel::Scope& scope,
                           const otel::Attributes& resource);

// An attribute that says where to, and is not written.
bool is_target_attribute(std::string_view key);

}  // namespace splitprof::elasticsearch
