// SPDX-License-Identifier: Apache-2.0
#include "processor/export/speedscope.h"

#include <fmt/format.h>

#include <algorithm>
#include <compare>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "processor/export/fd_writer.h"

namespace splitprof {
namespace {

// `text` is printable already: no control characters are left in it.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out += '"';
}

// A frame as speedscope knows it: what differs in nothing that is shown is one.
struct ShownFrame {
  TextId text = 0;
  TextId file = 0;  // the source file, or else the module
  uint32_t line = 0;
  friend auto operator<=>(const ShownFrame&, const ShownFrame&) = default;
};

// All stacks of one process, root first.
struct Process {
  TextId name = 0;
  uint32_t pid = 0;
  uint64_t samples = 0;
  std::map<std::vector<uint32_t>, uint64_t> stacks;  // frame numbers, samples
};

class Speedscope {
 public:
  Speedscope(const Profile& profile, const Names& names) : names_(names) {
    number_frames(profile);
    std::map<ResourceId, Process> processes;
    std::vector<uint32_t> stack;
    for (const TraceCount& count : profile.counts()) {
      Process& process = processes[count.resource];
      process.name = names.process(count.resource);
      process.pid = profile.resources()[count.resource].pid;
      process.samples += count.samples;
      stack.clear();
      const auto frames = profile.trace_frames(count.trace);
      for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) {
        const auto lines = names.of(*frame);
        for (auto line = lines.rbegin(); line != lines.rend(); ++line) stack.push_back(numbers_.at(shown(*line)));
      }
      process.stacks[stack] += count.samples;
    }
    for (auto& [resource, process] : processes) processes_.push_back(std::move(process));
    std::stable_sort(processes_.begin(), processes_.end(), [&](const Process& a, const Process& b) {
      if (a.samples != b.samples) return a.samples > b.samples;
      const int by_name = names_.text(a.name).compare(names_.text(b.name));
      return by_name != 0 ? by_name < 0 : a.pid < b.pid;
    });
  }

  void write(FdWriter& out, const RunSummary& summary) const {
    out.append(R"({"$schema":"https://www.speedscope.app/file-format-schema.json","exporter":"splitprof )");
    out.append(printable_text(summary.version, 64));
    out.append("\",\"name\":");
    out.append(quoted(printable_text(summary.target, 1024)));
    out.append(",\"activeProfileIndex\":0,\"shared\":{\"frames\":[");
    for (size_t i = 0; i < frames_.size(); ++i) {
      const ShownFrame& frame = frames_[i];
      out.append(i == 0 ? "\n{\"name\":" : ",\n{\"name\":");
      out.append(quoted(names_.text(frame.text)));
      if (frame.file != 0) out.append(",\"file\":" + quoted(names_.text(frame.file)));
      if (frame.line != 0) out.append(fmt::format(",\"line\":{}", frame.line));
      out.append("}");
    }
    out.append("]},\n\"profiles\":[");
    const uint64_t period_ns = 1'000'000'000 / std::max<uint32_t>(summary.hz, 1);
    for (size_t i = 0; i < processes_.size(); ++i) {
      if (i != 0) out.append(",");
      write_process(out, processes_[i], period_ns);
    }
    out.append("]}\n");
  }

 private:
  ShownFrame shown(const DisplayFrame& frame) const {
    return {frame.text, frame.file != 0 ? frame.file : names_.modules()[frame.module].path, frame.line};
  }

  // By their texts, so that the order in which samples came does not show.
  void number_frames(const Profile& profile) {
    for (FrameId id = 0; id < profile.frames().size(); ++id)
      for (const DisplayFrame& frame : names_.of(id)) numbers_.emplace(shown(frame), 0);
    for (const auto& [frame, number] : numbers_) frames_.push_back(frame);
    std::sort(frames_.begin(), frames_.end(), [&](const ShownFrame& a, const ShownFrame& b) {
      const auto key = [&](const ShownFrame& f) {
        return std::tuple(names_.text(f.text), names_.text(f.file), f.line);
      };
      return key(a) < key(b);
    });
    for (uint32_t i = 0; i < frames_.size(); ++i) numbers_[frames_[i]] = i;
  }

  void write_process(FdWriter& out, const Process& process, uint64_t period_ns) const {
    out.append(fmt::format(
        "\n{{\"type\":\"sampled\",\"name\":{},\"unit\":\"nanoseconds\",\"startValue\":0,\"endValue\":{},",
        quoted(fmt::format("{} ({})", names_.text(process.name), process.pid)), process.samples * period_ns));
    out.append("\"samples\":[");
    bool first = true;
    std::string text;
    for (const auto& [stack, samples] : process.stacks) {
      text = std::exchange(first, false) ? "[" : ",\n[";
      for (const uint32_t frame : stack) fmt::format_to(std::back_inserter(text), "{},", frame);
      if (text.back() == ',') text.pop_back();
      out.append(text += ']');
    }
    out.append("],\n\"weights\":[");
    first = true;
    for (const auto& [stack, samples] : process.stacks)
      out.append(fmt::format("{}{}", std::exchange(first, false) ? "" : ",", samples * period_ns));
    out.append("]}");
  }

  const Names& names_;
  std::map<ShownFrame, uint32_t> numbers_;
  std::vector<ShownFrame> frames_;  // by number
  std::vector<Process> processes_;  // the busiest first
};

}  // namespace

Result<> write_speedscope(const Profile& profile, const Names& names, const RunSummary& summary, int fd) {
  FdWriter out(fd);
  Speedscope(profile, names).write(out, summary);
  return out.finish();
}

}  // namespace splitprof
