// SPDX-License-Identifier: Apache-2.0
#include "processor/export/flamegraph.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "processor/export/profile_summary.h"
#include "processor/export/stack_tree.h"
#include "sample_profile.h"
#include "tests/golden.h"

namespace splitprof {
namespace {

using Path = std::vector<std::string>;

// Samples by stack, outermost first and below the process, worked out without the tree.
std::map<Path, uint64_t> stacks_of(const Profile& profile, const Names& names) {
  std::map<Path, uint64_t> stacks;
  for (const TraceCount& count : profile.counts()) {
    Path path{std::string(names.text(names.process(count.resource)))};
    const auto frames = profile.trace_frames(count.trace);
    for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) {
      const auto lines = names.of(*frame);
      for (auto line = lines.rbegin(); line != lines.rend(); ++line) path.emplace_back(names.text(line->text));
    }
    stacks[path] += count.samples;
  }
  return stacks;
}

std::map<Path, uint64_t> stacks_of(const StackTree& tree, const Names& names) {
  std::map<Path, uint64_t> stacks;
  Path path;
  for (const auto& node : tree.nodes) {
    path.resize(node.depth);
    path.emplace_back(names.text(tree.frames[node.frame].shown.text));
    if (node.self != 0) stacks[path] += node.self;
  }
  return stacks;
}

TEST(StackTree, IsTheStacksMerged) {
  for (const size_t stacks : {0, 1, 50, 700}) {
    SCOPED_TRACE(stacks);
    const auto sampled = test::large_profile(stacks);
    const Names names(sampled->profile, sampled->symbolizer);
    const auto tree = build_stack_tree(sampled->profile, names, SIZE_MAX);
    EXPECT_EQ(stacks_of(tree, names), stacks_of(sampled->profile, names));
    EXPECT_EQ(tree.folded_below, 0u);
  }
}

TEST(StackTree, FoldsTheSmallestAndLosesNoSample) {
  const auto sampled = test::large_profile(700);
  const Names names(sampled->profile, sampled->symbolizer);
  for (const size_t max_nodes : {0, 1, 5, 100, 3000}) {
    SCOPED_TRACE(max_nodes);
    const auto tree = build_stack_tree(sampled->profile, names, max_nodes);
    uint64_t samples = 0, kept = 0;
    for (const auto& node : tree.nodes) {
      samples += node.self;
      if (tree.frames[node.frame].kind != TreeFrame::Kind::folded) ++kept;
    }
    EXPECT_EQ(samples, sampled->profile.samples());
    EXPECT_LE(kept, max_nodes);
    EXPECT_GT(tree.folded_below, 0u);
  }
}

TEST(StackTree, ProcessesOfOneNameAreOneNode) {
  const auto sampled = test::small_profile();
  const Names names(sampled->profile, sampled->symbolizer);
  const auto tree = build_stack_tree(sampled->profile, names, SIZE_MAX);
  EXPECT_EQ(tree.processes, (std::vector<uint32_t>{1, 1, 2}));  // [pid 12], kworker/0:1, web;server
}

std::string data_of(const test::Sampled& sampled) {
  const Names names(sampled.profile, sampled.symbolizer);
  auto summary = sampled.summary;
  summarize_profile(sampled.profile, names, summary);
  return flame_graph_data(sampled.profile, names, summary);
}

TEST(FlameGraph, DataIsAsItWas) {
  const auto data = nlohmann::json::parse(data_of(*test::small_profile()));
  std::string text;  // a line for each member, so that differences can be read
  for (const auto& [name, value] : data.items()) {
    if (!value.is_object()) text += name + " " + value.dump() + "\n";
    if (!value.is_object()) continue;
    for (const auto& [member, inner] : value.items()) text += name + "." + member + " " + inner.dump() + "\n";
  }
  test::expect_golden("export/small_flamegraph.txt", text);
}

TEST(FlameGraph, DataHoldsNothingThatIsMarkup) {
  auto sampled = test::small_profile();
  sampled->summary.host_name = "<b>&amp;\xff\n\"\\";
  const auto data = data_of(*sampled);
  EXPECT_EQ(data.find_first_of("<>&\n"), data.npos);
  const auto texts = nlohmann::json::parse(data).at("texts").get<std::vector<std::string>>();
  EXPECT_NE(std::find(texts.begin(), texts.end(), std::string(test::kHostileName) + "??[31m;?"), texts.end());
}

TEST(FlameGraph, IsOnePageWithEveryPlaceFilled) {
  const auto sampled = test::small_profile();
  const Names names(sampled->profile, sampled->symbolizer);
  const auto page =
      test::written([&](int fd) { return write_flame_graph(sampled->profile, names, sampled->summary, fd); });
  EXPECT_TRUE(page.starts_with("<!DOCTYPE html>"));
  EXPECT_TRUE(page.ends_with("</html>\n"));
  EXPECT_EQ(page.find("{{"), page.npos);
  EXPECT_EQ(page.find("http://"), page.npos);
  EXPECT_EQ(page.find("https://"), page.npos);
  size_t scripts = 0;
  for (auto at = page.find("</script>"); at != page.npos; at = page.find("</script>", at + 1)) ++scripts;
  EXPECT_EQ(scripts, 2u);
}

}  // namespace
}  // namespace splitprof
