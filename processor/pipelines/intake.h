// SPDX-License-Identifier: Apache-2.0
//
// Where a receiver hands its batches in, from whatever thread it lives on; the export thread takes them out in order.
#pragma once

#include <memory>

#include "processor/otel/profiles.h"

namespace splitprof {

class Intake {
 public:
  virtual ~Intake() = default;
  // Never waits. False: there are too many already, and this one was not taken.
  virtual bool submit(std::shared_ptr<const otel::Profiles> batch) = 0;
};

}  // namespace splitprof
