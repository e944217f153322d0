// SPDX-License-Identifier: Apache-2.0
#include "processor/export/stack_tree.h"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include "processor/traces/index_table.h"

namespace splitprof {

namespace {

constexpr uint32_t kNoParent = UINT32_MAX;

class Builder {
 public:
  Builder(const Profile& profile, const Names& names) : profile_(profile), names_(names) {}

  StackTree build(size_t max_nodes) {
    for (const TraceCount& count : profile_.counts()) add(count);
    sum_totals();
    tree_.folded_below = fold_limit(max_nodes);
    emit();
    return std::move(tree_);
  }

 private:
  struct Growing {
    uint32_t parent = kNoParent;
    uint32_t frame = 0;
    uint64_t self = 0, total = 0;
  };

  void add(const TraceCount& count) {
    const auto process = names_.process(count.resource);
    auto node = child(kNoParent, frame_of({.kind = TreeFrame::Kind::process, .shown = {.text = process}}));
    resources_[node].insert(count.resource);
    const auto frames = profile_.trace_frames(count.trace);
    for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) {
      const auto lines = names_.of(*frame);
      for (auto line = lines.rbegin(); line != lines.rend(); ++line) node = child(node, frame_of({.shown = *line}));
    }
    growing_[node].self += count.samples;
  }

  uint32_t frame_of(const TreeFrame& frame) {
    const auto key = std::tuple(frame.kind, frame.shown.text, frame.shown.module, frame.shown.frame_class);
    const auto [entry, is_new] = frame_numbers_.try_emplace(key, static_cast<uint32_t>(tree_.frames.size()));
    if (is_new) tree_.frames.push_back(frame);
    return entry->second;
  }

  uint32_t child(uint32_t parent, uint32_t frame) {
    const auto hash = (uint64_t{parent} << 32 | frame) * 0x9e3779b97f4a7c15;  // 2^64 / golden ratio
    const auto is_it = [&](uint32_t i) { return growing_[i].parent == parent && growing_[i].frame == frame; };
    auto node = children_.find(hash, is_it);
    if (node == IndexTable::kNone) {
      node = static_cast<uint32_t>(growing_.size());
      growing_.push_back({.parent = parent, .frame = frame});
      children_.insert(hash, node);
    }
    return node;
  }

  void sum_totals() {
    for (size_t i = growing_.size(); i-- > 0;) {  // a parent has a smaller number than its children
      growing_[i].total += growing_[i].self;
      if (growing_[i].parent != kNoParent) growing_[growing_[i].parent].total += growing_[i].total;
    }
  }

  uint64_t fold_limit(size_t max_nodes) const {
    if (growing_.size() <= max_nodes) return 0;
    std::vector<uint64_t> totals;
    for (const Growing& node : growing_) totals.push_back(node.total);
    const auto nth = totals.begin() + static_cast<ptrdiff_t>(max_nodes);
    std::nth_element(totals.begin(), nth, totals.end(), std::greater<>());
    return *nth + 1;
  }

  // Nodes by parent, siblings by text; processes first, as kNoParent + 1 is 0.
  std::vector<uint32_t> sorted() const {
    std::vector<uint32_t> order(growing_.size());
    std::iota(order.begin(), order.end(), 0);
    const auto key = [&](uint32_t i) {
      const Growing& node = growing_[i];
      const DisplayFrame& shown = tree_.frames[node.frame].shown;
      return std::tuple(node.parent + 1, names_.text(shown.text), names_.text(names_.modules()[shown.module].path),
                        node.frame);
    };
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return key(a) < key(b); });
    return order;
  }

  void emit() {
    const auto order = sorted();
    std::vector<size_t> first(growing_.size() + 2);  // of each parent's children in `order`, by parent + 1
    for (const uint32_t node : order) ++first[size_t{growing_[node].parent + 1} + 1];
    std::partial_sum(first.begin(), first.end(), first.begin());

    struct Open {
      uint32_t node;
      size_t next;      // in `order`
      uint64_t folded;  // samples of children that are not kept
    };
    std::vector<Open> path{{kNoParent, first[0], 0}};
    while (!path.empty()) {
      Open& open = path.back();
      if (open.next == first[size_t{open.node + 1} + 1]) {
        if (open.folded != 0) emit_folded(path.size() - 1, open.folded);
        path.pop_back();
        continue;
      }
      const auto node = order[open.next++];
      if (growing_[node].total < tree_.folded_below) {
        open.folded += growing_[node].total;
        continue;
      }
      tree_.nodes.push_back({static_cast<uint32_t>(path.size() - 1), growing_[node].frame, growing_[node].self});
      if (path.size() == 1) tree_.processes.push_back(static_cast<uint32_t>(resources_[node].size()));
      path.push_back({node, first[size_t{node} + 1], 0});
    }
  }

  void emit_folded(size_t depth, uint64_t samples) {
    const auto frame = frame_of({.kind = TreeFrame::Kind::folded, .shown = {.frame_class = FrameClass::marker}});
    tree_.nodes.push_back({static_cast<uint32_t>(depth), frame, samples});
    if (depth == 0) tree_.processes.push_back(0);
  }

  const Profile& profile_;
  const Names& names_;
  StackTree tree_;
  std::vector<Growing> growing_;
  IndexTable children_;
  std::map<std::tuple<TreeFrame::Kind, TextId, ModuleId, FrameClass>, uint32_t> frame_numbers_;
  std::map<uint32_t, std::set<ResourceId>> resources_;  // of each process's node
};

}  // namespace

StackTree build_stack_tree(const Profile& profile, const Names& names, size_t max_nodes) {
  return Builder(profile, names).build(max_nodes);
}

}  // namespace splitprof
