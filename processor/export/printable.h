// SPDX-License-Identifier: Apache-2.0
//
// Texts that profiled processes have chosen, made fit to be shown and to be sent: valid UTF-8, bounded, without control
// characters or such as change the direction of writing. Pure function.
#pragma once

#include <string>
#include <string_view>

namespace splitprof {

// At most `max_bytes` long; what is cut off ends with an ellipsis, and what is no text becomes question marks.
std::string printable_text(std::string_view text, size_t max_bytes);

}  // namespace splitprof
