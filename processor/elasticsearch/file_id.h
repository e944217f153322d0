// SPDX-License-Identifier: Apache-2.0
//
// Which file a frame is of, when no executable's hash says so: the kernel's by build id, all others by what their
// frames are called.
#pragma once

#include <string_view>

#include "processor/elasticsearch/ids.h"
#include "processor/otel/profiles.h"

namespace splitprof::elasticsearch {

// Of the kernel or a module, by the GNU build id in hexadecimal digits. One that is too short to tell kernels apart
// gives the id that all such have.
FileId kernel_file_id(std::string_view gnu_build_id);

// Of a frame that lies in no file: interpreted, or compiled at run time. By its lines' functions, files and places.
FileId synthesised_file_id(const otel::Dictionary& dictionary, const otel::Location& location);

}  // namespace splitprof::elasticsearch
