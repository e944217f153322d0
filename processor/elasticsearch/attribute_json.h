// SPDX-License-Identifier: Apache-2.0
//
// OpenTelemetry's attribute values as text, and attributes as a JSON object whose keys keep their dots.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "processor/elasticsearch/json_text.h"
#include "processor/otel/attributes.h"

namespace splitprof::elasticsearch {

// A text as it stands; everything else in `scratch`, lists and maps as JSON, bytes as hexadecimal digits.
std::string_view as_text(const otel::Value& value, std::string& scratch);

// Appends an object of those attributes that `wanted` lets pass, in the order of their keys, so that equal attributes
// are equal texts. Values without anything in them are left out, of several values of one key all but the first. Maps
// inside become texts of JSON. Pairs NAME.geo.location.lat and .lon become the server's geo_point.
void append_attributes(std::string& out, const otel::Attributes& attributes, const JsonText& json,
                       const std::function<bool(std::string_view)>& wanted);

}  // namespace splitprof::elasticsearch
