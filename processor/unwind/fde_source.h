// SPDX-License-Identifier: Apache-2.0
//
// The rows of .eh_frame or .debug_frame as a RowSource: FDEs are listed in one go through the section, and run one by
// one, when their rows are wanted. A worker's.
#pragma once

#include "processor/unwind/call_frames.h"
#include "processor/unwind/cfi.h"
#include "processor/unwind/row_source.h"

namespace splitprof {

class FdeSource final : public RowSource {
 public:
  FdeSource(CallFrames frames, Machine machine)
      : frames_(std::move(frames)), reader_(Bytes(frames_.bytes), frames_.address, frames_.format), runner_(machine) {}

  Result<uint64_t> list(FunctionIndex& functions) override;
  Result<> read_rows(uint32_t number, FunctionRows& rows) override;
  size_t size_bytes() const override { return frames_.bytes.size(); }

 private:
  CallFrames frames_;
  CallFrameReader reader_;
  CfiRunner runner_;
};

}  // namespace splitprof
