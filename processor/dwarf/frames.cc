// SPDX-License-Identifier: Apache-2.0
#include "processor/dwarf/frames.h"

namespace splitprof::dwarf {

std::span<const SourceFrame> FrameMaker::make(uint32_t innermost, const FoundLine& line) {
  names_.forget_some();
  if (path_bytes_ > kMaxCachedTextBytes) {
    paths_.clear();
    path_bytes_ = 0;
  }
  frames_.clear();
  SourceFrame frame;
  if (line.sequence_end != 0) frame.file = path(line.row.file);
  if (!frame.file.empty()) {
    frame.line = static_cast<uint32_t>(line.row.line);
    frame.column = static_cast<uint32_t>(line.row.column);
  }
  if (innermost == Function::kNone && !frame.file.empty()) frames_.push_back(frame);
  for (uint32_t number = innermost; number != Function::kNone;) {
    const Function& function = functions_.function(number);
    frame.function = names_.of(unit_, function.entry);
    frame.inlined = function.inlined;
    frames_.push_back(frame);
    if (!function.inlined) break;
    // Where it was called from is in the function around it.
    frame.file = path(function.call_file);
    frame.line = function.call_line;
    frame.column = function.call_column;
    number = function.parent;
  }
  if (frames_.size() > kMaxInlined) {
    ++chains_cut_;
    frames_.erase(frames_.begin() + (kMaxInlined - 1), frames_.end() - 1);
  }
  return frames_;
}

std::string_view FrameMaker::path(uint64_t file) {
  if (lines_ == nullptr) return {};
  const auto [known, is_new] = paths_.try_emplace(file);
  if (is_new) {
    if (auto path = lines_->path(file)) known->second = std::move(*path);
    path_bytes_ += 64 + known->second.size();  // 64: of the map
  }
  return known->second;
}

}  // namespace splitprof::dwarf
