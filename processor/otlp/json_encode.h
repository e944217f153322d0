// SPDX-License-Identifier: Apache-2.0
//
// Of codec.h: profiles and metrics to OTLP JSON, on one line.
#pragma once

#include <string>

#include "processor/otel/metrics.h"
#include "processor/otel/profiles.h"
#include "processor/otlp/json_writer.h"

namespace splitprof::otlp {

std::string to_json(const otel::Profiles& profiles);
std::string to_json(const otel::Metrics& metrics);

// Of both: a member with what describes whatever follows.
void put_text(JsonWriter& out, std::string_view name, std::string_view text);  // unless it is empty
void put_number(JsonWriter& out, std::string_view name, int64_t value);        // unless it is 0, and so the next two
void put_integer64(JsonWriter& out, std::string_view name, int64_t value);
void put_unsigned64(JsonWriter& out, std::string_view name, uint64_t value);
void write_value(JsonWriter& out, const otel::Value& value);
void put_attributes(JsonWriter& out, std::string_view name, const otel::Attributes& attributes);
void put_resource(JsonWriter& out, const otel::Resource& resource);
void put_scope(JsonWriter& out, const otel::Scope& scope);

}  // namespace splitprof::otlp
