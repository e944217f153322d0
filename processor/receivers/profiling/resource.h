// SPDX-License-Identifier: Apache-2.0
//
// A process and its host as attributes of an OpenTelemetry resource (semantic conventions: host, os, process,
// container, k8s, service). Texts are made fit to be sent. Pure functions.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "processor/ingest/input.h"
#include "processor/otel/attributes.h"
#include "processor/traces/trace.h"

namespace splitprof {

// Variable of a process's environment that names its service (OpenTelemetry specification, "Environment variables").
inline constexpr std::string_view kServiceNameVariable = "OTEL_SERVICE_NAME";

// Whatever the host does not tell is left out.
otel::Attributes host_attributes(const Host& host);
// `variables`: those that the user wants to see, as process.environment_variable.NAME.
otel::Attributes process_attributes(const Resource& resource, std::span<const std::string> variables);

}  // namespace splitprof
