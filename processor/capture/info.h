// SPDX-License-Identifier: Apache-2.0
//
// What is in a capture, as text for people, its secrets included. Texts from the capture are made printable.
#pragma once

#include <string>

#include "processor/capture/capture_index.h"

namespace splitprof {

Result<std::string> describe_capture(CaptureFile& file, const CaptureIndex& index);

}  // namespace splitprof
