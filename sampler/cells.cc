// SPDX-License-Identifier: Apache-2.0
#include "sampler/cells.h"

namespace splitprof {

CellsInOrder::CellsInOrder(std::span<const sp_cell> cells, uint32_t pushed) : leaf_(cells) {
  if (pushed <= SP_MAX_CELLS) return;
  const size_t oldest = SP_LEAF_CELLS + (pushed - SP_LEAF_CELLS) % SP_ROOT_CELLS;
  leaf_ = cells.first(SP_LEAF_CELLS);
  root_old_ = cells.subspan(oldest);
  root_new_ = cells.subspan(SP_LEAF_CELLS, oldest - SP_LEAF_CELLS);
  left_out_ = pushed - SP_MAX_CELLS;
  cut_last_frame();
  cut_first_frame();
}

// The leaf side's last frame may go on in cells that were overwritten.
void CellsInOrder::cut_last_frame() {
  size_t first = leaf_.size() - 1;
  while (first > 0 && SP_FRAME_KIND(leaf_[first].header) == SP_FRAME_MORE) --first;
  if (SP_FRAME_WORDS(leaf_[first].header) <= leaf_.size() - first) return;
  left_out_ += static_cast<uint32_t>(leaf_.size() - first);
  leaf_ = leaf_.first(first);
}

// The root side's first one may have lost its first cells.
void CellsInOrder::cut_first_frame() {
  for (auto* side : {&root_old_, &root_new_}) {
    while (!side->empty() && SP_FRAME_KIND(side->front().header) == SP_FRAME_MORE) {
      *side = side->subspan(1);
      ++left_out_;
    }
    if (!side->empty()) break;
  }
}

size_t CellsInOrder::words() const {
  size_t words = 0;
  for_each_word([&](uint64_t) { ++words; });
  return words;
}

}  // namespace splitprof
