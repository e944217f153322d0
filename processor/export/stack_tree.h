// SPDX-License-Identifier: Apache-2.0
//
// A profile's stacks merged from the outermost frame on: the tree behind the flame graph. Processes of one name are
// one node, its children the outermost frames. Past a number of nodes the smallest subtrees of a node become one leaf
// each, so that every sample stays in the tree.
#pragma once

#include <cstdint>
#include <vector>

#include "processor/export/names.h"
#include "processor/traces/profile.h"

namespace splitprof {

// What a node shows. Addresses and lines of one function in one file are one.
struct TreeFrame {
  enum class Kind : uint8_t { frame, process, folded };  // folded: stands for subtrees that are not kept
  Kind kind = Kind::frame;
  DisplayFrame shown;
};

struct StackTree {
  struct Node {
    uint32_t depth = 0;  // 0: a process
    uint32_t frame = 0;  // in frames
    uint64_t self = 0;   // samples that end here
  };
  std::vector<TreeFrame> frames;
  std::vector<Node> nodes;          // each node is followed by its descendants; siblings are sorted by text
  std::vector<uint32_t> processes;  // how many processes each node of depth 0 stands for, in order
  uint64_t folded_below = 0;        // subtrees of fewer samples are not kept; 0: all are
};

StackTree build_stack_tree(const Profile& profile, const Names& names, size_t max_nodes);

}  // namespace splitprof
