// SPDX-License-Identifier: Apache-2.0
//
// The cells of a walk (struct sp_cell of bpf/abi.h) as the frames of a record: in their order, those of one frame put
// together, and a gap where some were overwritten. Pure; looks into no frame's words.
#pragma once

#include <cstdint>
#include <span>

#include "bpf/abi.h"

namespace splitprof {

class CellsInOrder {
 public:
  // `cells` as they lie in memory, at most SP_MAX_CELLS; `pushed`: how many there ever were.
  CellsInOrder(std::span<const sp_cell> cells, uint32_t pushed);

  // Of the frames on the shared ring: a frame of n words takes max(n, 1) cells, and 1 + n words there.
  size_t words() const;
  template <typename Put>
  void for_each_word(Put put) const {
    put_all(leaf_, put);
    if (left_out_ == 0) return;
    put(SP_FRAME_HEADER(SP_FRAME_ABORT, 1, 0, left_out_));
    put(SP_ABORT_GAP);
    put_all(root_old_, put);
    put_all(root_new_, put);
  }

 private:
  // A first cell gives its header and word, each further one its word.
  template <typename Put>
  static void put_all(std::span<const sp_cell> cells, Put& put) {
    for (const sp_cell& cell : cells) {
      if (SP_FRAME_KIND(cell.header) != SP_FRAME_MORE) put(cell.header);
      put(cell.word);
    }
  }
  void cut_last_frame();
  void cut_first_frame();

  std::span<const sp_cell> leaf_, root_old_, root_new_;
  uint32_t left_out_ = 0;  // cells
};

}  // namespace splitprof
