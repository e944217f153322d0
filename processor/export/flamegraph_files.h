// SPDX-License-Identifier: Apache-2.0
//
// The files flamegraph.html, .css and *.js of this folder as text; embed.cmake makes their definitions at build time.
#pragma once

#include <string_view>

namespace splitprof {

extern const std::string_view kFlameGraphHtml, kFlameGraphCss, kFlameGraphScript;

}  // namespace splitprof
