// SPDX-License-Identifier: Apache-2.0
#include "processor/export/flamegraph.h"

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "bpf/abi.h"
#include "processor/export/fd_writer.h"
#include "processor/export/flamegraph_files.h"
#include "processor/export/stack_tree.h"

namespace splitprof {

namespace {

// A JSON string that is harmless inside of HTML, too. `text` is valid UTF-8.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (static_cast<uint8_t>(c) < 0x20 || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&') {
      out += fmt::format("\\u{:04x}", static_cast<uint8_t>(c));
    } else {
      out += c;
    }
  }
  return out += '"';
}

std::string quoted_raw(std::string_view text) {
  return quoted(printable_text(text, 1024));
}

// `"name":[…],` with one number for each element.
template <typename List, typename Number>
void add_numbers(std::string& out, std::string_view name, const List& list, Number number) {
  fmt::format_to(std::back_inserter(out), "\"{}\":[", name);
  for (const auto& element : list) fmt::format_to(std::back_inserter(out), "{},", number(element));
  if (out.back() == ',') out.pop_back();
  out += "],";
}

std::string run_json(const Profile& profile, const RunSummary& run) {
  uint64_t lost = 0;
  for (const auto& [reason, count] : run.samples.lost) lost += count;
  return fmt::format(
      R"({{"version":{},"target":{},"host":{},"kernel":{},"architecture":{},"cpus":{},"hz":{},"startedMs":{},)"
      R"("durationNs":{},"samples":{},"lost":{},"wholePercent":{},"namedPercent":{}}})",
      quoted_raw(run.version), quoted_raw(run.target), quoted_raw(run.host_name), quoted_raw(run.kernel_release),
      quoted_raw(run.architecture), run.online_cpus, run.hz, run.started_realtime_ns / 1000000, run.duration_ns,
      profile.samples(), lost, run.stacks.whole_percent(), run.named.percent());
}

std::string reasons_json() {
  constexpr int kFirstSum = SP_COUNT_samples_taken;  // counters before it say why a walk ended
  std::string out = "{";
#define SP_COUNTER(number, name, text) \
  if (number < kFirstSum) out += quoted("[truncated: " #name "]") + ":" + quoted(text) + ",";
#include "bpf/counters.def"
#undef SP_COUNTER
  out.back() = '}';
  return out;
}

// Classes of frames as the page numbers them: those of FrameClass, then processes and folded subtrees.
unsigned class_number(const TreeFrame& frame) {
  if (frame.kind == TreeFrame::Kind::process) return kFrameClasses;
  if (frame.kind == TreeFrame::Kind::folded) return kFrameClasses + 1;
  return static_cast<unsigned>(frame.shown.frame_class);
}

// The page, cut at the places that this file fills: `{{NAME}}`.
void write_page(FdWriter& out, std::string_view page,
                const std::vector<std::pair<std::string_view, std::string_view>>& values) {
  for (size_t open = page.find("{{"); open != page.npos; open = page.find("{{")) {
    const auto close = page.find("}}", open);
    out.append(page.substr(0, open));
    const auto name = page.substr(open + 2, close - open - 2);
    for (const auto& [known, value] : values) {
      if (known == name) out.append(value);
    }
    page.remove_prefix(close + 2);
  }
  out.append(page);
}

}  // namespace

std::string flame_graph_data(const Profile& profile, const Names& names, const RunSummary& summary,
                             FlameGraphLimits limits) {
  const auto tree = build_stack_tree(profile, names, limits.max_nodes);
  std::string out = "{\"run\":" + run_json(profile, summary) + ",\"reasons\":" + reasons_json();
  out += fmt::format(",\"foldedBelow\":{},\"texts\":[", tree.folded_below);
  for (TextId id = 0; id < names.text_count(); ++id) out += quoted(names.text(id)) + ",";
  out.back() = ']';
  out += ",\"modules\":{";
  add_numbers(out, "path", names.modules(), [](const auto& module) { return module.path; });
  add_numbers(out, "buildId", names.modules(), [](const auto& module) { return module.build_id; });
  out.back() = '}';
  out += ",\"frames\":{";
  add_numbers(out, "text", tree.frames, [](const TreeFrame& frame) { return frame.shown.text; });
  add_numbers(out, "module", tree.frames, [](const TreeFrame& frame) { return frame.shown.module; });
  add_numbers(out, "file", tree.frames, [](const TreeFrame& frame) { return frame.shown.file; });
  add_numbers(out, "class", tree.frames, class_number);
  out.back() = '}';
  out += ",\"nodes\":{";
  add_numbers(out, "depth", tree.nodes, [](const StackTree::Node& node) { return node.depth; });
  add_numbers(out, "frame", tree.nodes, [](const StackTree::Node& node) { return node.frame; });
  add_numbers(out, "self", tree.nodes, [](const StackTree::Node& node) { return node.self; });
  out.back() = '}';
  out += ',';
  add_numbers(out, "processes", tree.processes, [](uint32_t count) { return count; });
  out.back() = '}';
  return out;
}

Result<> write_flame_graph(const Profile& profile, const Names& names, const RunSummary& summary, int fd,
                           FlameGraphLimits limits) {
  const auto data = flame_graph_data(profile, names, summary, limits);
  // Only the page's own script runs: a name would have to contain a hash of the data that contains it.
  const auto hash = XXH3_128bits(data.data(), data.size());
  const auto nonce = fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
  FdWriter out(fd);
  write_page(out, kFlameGraphHtml,
             {{"NONCE", nonce}, {"CSS", kFlameGraphCss}, {"SCRIPT", kFlameGraphScript}, {"DATA", data}});
  return out.finish();
}

}  // namespace splitprof
