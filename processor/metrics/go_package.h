// SPDX-License-Identifier: Apache-2.0
//
// The package of a Go function, from its full name: net/http of net/http.(*conn).serve.
#pragma once

#include <string_view>

namespace splitprof::metrics {

std::string_view go_package(std::string_view function);

}  // namespace splitprof::metrics
