// SPDX-License-Identifier: Apache-2.0
#include "sampler/cells.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <vector>

namespace splitprof {
namespace {

// The walk's memory, into which frames are pushed as bpf/walk.bpf.h does it. Frame i of n words has the words
// 100 * i + 1 to 100 * i + n.
struct Walk {
  std::vector<sp_cell> cells = std::vector<sp_cell>(SP_MAX_CELLS);
  uint32_t pushed = 0;

  void push_cell(uint64_t header, uint64_t word) {
    const uint32_t n = pushed++;
    cells[n < SP_LEAF_CELLS ? n : SP_LEAF_CELLS + (n - SP_LEAF_CELLS) % SP_ROOT_CELLS] = {header, word};
  }
  void push(uint64_t frame, unsigned n_words) {
    push_cell(SP_FRAME_HEADER(SP_FRAME_PYTHON, n_words, 0, frame), 100 * frame + 1);
    for (unsigned i = 2; i <= n_words; ++i) push_cell(SP_FRAME_HEADER(SP_FRAME_MORE, 0, 0, 0), 100 * frame + i);
  }
  std::vector<uint64_t> words() const {
    const std::span<const sp_cell> all(cells);
    const CellsInOrder order(all.first(std::min<size_t>(pushed, SP_MAX_CELLS)), pushed);
    std::vector<uint64_t> found;
    order.for_each_word([&](uint64_t word) { found.push_back(word); });
    EXPECT_EQ(order.words(), found.size());
    return found;
  }
};

struct Read {
  std::vector<uint64_t> frames;  // numbers
  size_t gap_at = 0;             // so many frames before it
  uint64_t left_out = 0;         // cells
};

// Reads the words as the processor does; each frame has to be whole.
Read read(const std::vector<uint64_t>& words) {
  Read read;
  for (size_t at = 0; at < words.size();) {
    const uint64_t header = words[at++];
    const unsigned n_words = SP_FRAME_WORDS(header);
    if (SP_FRAME_KIND(header) == SP_FRAME_ABORT) {
      EXPECT_EQ(words.at(at), SP_ABORT_GAP);
      EXPECT_EQ(read.left_out, 0u) << "one gap";
      read.gap_at = read.frames.size();
      read.left_out = SP_FRAME_EXTRA(header);
    } else {
      EXPECT_EQ(SP_FRAME_KIND(header), SP_FRAME_PYTHON);
      read.frames.push_back(SP_FRAME_EXTRA(header));
      for (unsigned i = 0; i < n_words; ++i) EXPECT_EQ(words.at(at + i), 100 * read.frames.back() + 1 + i);
    }
    at += n_words;
  }
  return read;
}

TEST(CellsInOrder, CellsOfOneFrameAreOneFrame) {
  Walk walk;
  walk.push(1, 1);
  walk.push(2, 3);
  walk.push(3, 2);
  EXPECT_EQ(walk.words(), (std::vector<uint64_t>{SP_FRAME_HEADER(SP_FRAME_PYTHON, 1, 0, 1), 101,
                                                 SP_FRAME_HEADER(SP_FRAME_PYTHON, 3, 0, 2), 201, 202, 203,
                                                 SP_FRAME_HEADER(SP_FRAME_PYTHON, 2, 0, 3), 301, 302}));
}

TEST(CellsInOrder, FramesAtTheEdgesOfAGapAreWholeOrLeftOut) {
  for (unsigned n_words = 1; n_words <= 5; ++n_words) {
    for (uint32_t cells = SP_MAX_CELLS - 3; cells < SP_MAX_CELLS + SP_ROOT_CELLS + 20; ++cells) {
      SCOPED_TRACE(testing::Message() << n_words << " words, " << cells << " cells");
      Walk walk;
      uint64_t frames = 0;
      while (walk.pushed < cells) walk.push(frames++, n_words);
      const auto found = read(walk.words());
      ASSERT_EQ(found.left_out % n_words, 0u) << "whole frames";
      ASSERT_EQ(found.frames.size() + found.left_out / n_words, frames) << "each is there or counted";
      for (size_t i = 0; i < found.frames.size(); ++i) {
        const uint64_t missing = found.left_out != 0 && i >= found.gap_at ? found.left_out / n_words : 0;
        ASSERT_EQ(found.frames[i], i + missing);
      }
      ASSERT_EQ(found.left_out == 0, walk.pushed <= SP_MAX_CELLS);
    }
  }
}

}  // namespace
}  // namespace splitprof
