// SPDX-License-Identifier: Apache-2.0
//
// What kinds of frames are called in OpenTelemetry's profiles. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "processor/traces/trace.h"

namespace splitprof {

// Values of profile.frame.type (semantic conventions), and those that the OpenTelemetry profiler adds: luajit and
// abort-marker.
std::string_view frame_type(Frame::Kind kind);

// Why a stack ends or has a gap at this marker: a name of bpf/counters.def, or a word of ours.
std::string marker_name(const Frame& marker);

// Of a frame in a program with Go in it. C may be linked into one; Go's functions are those whose sources are Go's, its
// assembly and what its compiler makes up. Without names the program's main language is the best guess.
bool is_go_function(const std::vector<Symbol>& symbols);

}  // namespace splitprof
