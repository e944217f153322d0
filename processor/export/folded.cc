// SPDX-License-Identifier: Apache-2.0
#include "processor/export/folded.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "processor/export/fd_writer.h"

namespace splitprof {

namespace {

std::string_view suffix_of(FrameClass frame_class) {
  switch (frame_class) {
    case FrameClass::kernel:
      return "_[k]";
    case FrameClass::inlined:
      return "_[i]";
    case FrameClass::jit:
      return "_[j]";
    default:
      return "";
  }
}

std::string folded_text(std::string_view text, std::string_view suffix) {
  std::string out(text);
  std::replace(out.begin(), out.end(), ';', ':');  // `;` parts the names of a line
  out += suffix;
  return out;
}

// Stacks as sequences of name numbers that sort as the names do.
class Lines {
 public:
  Lines(const Profile& profile, const Names& names) : names_(names), numbers_(names.text_count() * kFrameClasses) {
    for (const TraceCount& count : profile.counts()) {
      const auto first = stacks_.size();
      stacks_.push_back(number_of({.text = names.process(count.resource)}));
      const auto frames = profile.trace_frames(count.trace);
      for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) {
        const auto shown = names.of(*frame);
        for (auto line = shown.rbegin(); line != shown.rend(); ++line) stacks_.push_back(number_of(*line));
      }
      lines_.push_back({first, stacks_.size() - first, count.samples});
    }
  }

  void write(FdWriter& out) {
    rank();
    std::sort(lines_.begin(), lines_.end(), [&](const Line& a, const Line& b) { return compare(a, b) < 0; });
    for (size_t i = 0; i < lines_.size();) {
      uint64_t samples = 0;
      const Line& line = lines_[i];
      for (; i < lines_.size() && compare(line, lines_[i]) == 0; ++i) samples += lines_[i].samples;
      for (size_t at = line.first; at < line.first + line.size; ++at) {
        if (at != line.first) out.append(";");
        out.append(sorted_texts_[stacks_[at]]);
      }
      out.append(fmt::format(" {}\n", samples));
    }
  }

 private:
  struct Line {
    size_t first = 0, size = 0;  // in stacks_
    uint64_t samples = 0;
  };

  uint32_t number_of(const DisplayFrame& frame) {
    uint32_t& number_plus_1 = numbers_[frame.text * kFrameClasses + static_cast<size_t>(frame.frame_class)];
    if (number_plus_1 == 0) {
      texts_.push_back(folded_text(names_.text(frame.text), suffix_of(frame.frame_class)));
      number_plus_1 = static_cast<uint32_t>(texts_.size());
    }
    return number_plus_1 - 1;
  }

  // Numbers in the order of first use become ranks in the order of texts; equal texts get one rank.
  void rank() {
    std::vector<uint32_t> order(texts_.size()), ranks(texts_.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return texts_[a] < texts_[b]; });
    for (const uint32_t number : order) {
      if (sorted_texts_.empty() || sorted_texts_.back() != texts_[number]) sorted_texts_.push_back(texts_[number]);
      ranks[number] = static_cast<uint32_t>(sorted_texts_.size() - 1);
    }
    for (uint32_t& number : stacks_) number = ranks[number];
  }

  int compare(const Line& a, const Line& b) const {
    const auto at = [&](size_t position) { return stacks_.begin() + static_cast<ptrdiff_t>(position); };
    const auto order =
        std::lexicographical_compare_three_way(at(a.first), at(a.first + a.size), at(b.first), at(b.first + b.size));
    return order < 0 ? -1 : order > 0 ? 1 : 0;
  }

  const Names& names_;
  std::vector<uint32_t> numbers_;  // by text and class: number in texts_, plus 1
  std::vector<std::string> texts_, sorted_texts_;
  std::vector<uint32_t> stacks_;
  std::vector<Line> lines_;
};

}  // namespace

Result<> write_folded(const Profile& profile, const Names& names, int fd) {
  FdWriter out(fd);
  Lines(profile, names).write(out);
  return out.finish();
}

}  // namespace splitprof
