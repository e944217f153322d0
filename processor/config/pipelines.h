// SPDX-License-Identifier: Apache-2.0
//
// service.pipelines: which receivers feed which exporters, through connectors; what cannot work is an error.
#pragma once

#include "processor/config/components.h"

namespace splitprof::config {

// Marks the components that are used.
std::vector<PipelineOptions> read_pipelines(Section pipelines, Components& components, Reading& reading);
// A pipeline of profiles needs the feature gate service.profilesSupport.
void check_gate(const std::vector<PipelineOptions>& pipelines, bool enabled, Place place, Reading& reading);

}  // namespace splitprof::config
