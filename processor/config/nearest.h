// SPDX-License-Identifier: Apache-2.0
//
// The word that was probably meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace splitprof::config {

// The one of `known` with the fewest letters to change, leave out or add; upper and lower case and underscores count
// for less. Empty when there is none, or all are further away than half of the word. The last of several.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace splitprof::config
