// SPDX-License-Identifier: Apache-2.0
//
// The numbers that Universal Profiling gives to the values of attribute `profile.frame.type`, and how a stack's are
// written.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace splitprof::elasticsearch {

constexpr uint8_t kKernelFrame = 4;
constexpr uint8_t kErrorFrame = 0x80;  // a bit beside the number: no frame, but why there is none

// What is not known is 0.
uint8_t frame_type_number(std::string_view text);

// Runs of equal numbers as pairs (length, number), in base64url; `types` is the root's first.
void append_frame_types(std::string& out, std::span<const uint8_t> types);

}  // namespace splitprof::elasticsearch
