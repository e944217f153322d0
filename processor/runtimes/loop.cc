// SPDX-License-Identifier: Apache-2.0
#include "processor/runtimes/loop.h"

#include <algorithm>
#include <optional>

#include "bpf/abi.h"
#include "processor/runtimes/x86_code.h"
#include "processor/unwind/call_frames.h"
#include "processor/unwind/cfi.h"

namespace splitprof {
namespace {

constexpr uint64_t kMaxBodyBytes =
    1u << 20;                        // that is looked through for jumps; the largest loop seen, a CPython's, has 81 KB
constexpr size_t kMaxTargets = 256;  // distinct ones outside the body

// A file's FDEs, read again for each question: there are two or three.
class FrameDescriptions {
 public:
  explicit FrameDescriptions(CallFrames frames) : frames_(std::move(frames)) {}

  // Those that hold one of `addresses`, which are sorted, with the CFA that holds at their start.
  struct Found {
    LoopRange range;
    CfaRule first;
  };
  std::vector<Found> holding(const std::vector<ElfAddress>& addresses, Machine machine) const;

 private:
  CallFrames frames_;
};

std::vector<FrameDescriptions::Found> FrameDescriptions::holding(const std::vector<ElfAddress>& addresses,
                                                                 Machine machine) const {
  std::vector<Found> found;
  CallFrameReader reader(Bytes(frames_.bytes), frames_.address, frames_.format);
  CfiRunner runner(machine);
  std::vector<Row> rows;
  while (const auto fde = reader.next()) {
    const auto first = std::lower_bound(addresses.begin(), addresses.end(), fde->start);
    if (first == addresses.end() || first->value - fde->start.value >= fde->size) continue;
    if (!runner.run(*fde, rows) || rows.empty()) continue;
    found.push_back({.range = {fde->start, fde->size}, .first = rows.front().cfa});
    if (found.size() > kMaxTargets) break;
  }
  return found;
}

// Distinct targets of direct jumps out of `range`, sorted. Decodes from the start on, byte after instruction: compilers
// put no data between.
std::vector<ElfAddress> jumps_out_of(const ElfFile& file, const LoopRange& range) {
  std::vector<ElfAddress> targets;
  const auto bytes = file.read_segment_from(range.start, std::min(range.size, kMaxBodyBytes));
  if (!bytes) return targets;
  const X86Code code(*bytes, range.start);
  for (ElfAddress at = code.start(); code.contains(at);) {
    const auto instruction = code.at(at);
    at = instruction ? instruction->next : ElfAddress(at.value + 1);
    if (!instruction || !instruction->target || instruction->kind == X86Instruction::Kind::call) continue;
    if (instruction->target->value - range.start.value < range.size) continue;
    const auto place = std::lower_bound(targets.begin(), targets.end(), *instruction->target);
    if (place != targets.end() && *place == *instruction->target) continue;
    if (targets.size() < kMaxTargets) targets.insert(place, *instruction->target);
  }
  return targets;
}

// Where a function is entered, the CFA is 8 bytes above the stack pointer: the return address, nothing else. A part of
// a function that was moved away begins in the middle, where a frame stands.
bool begins_inside_a_function(const CfaRule& first) {
  const auto registers = unwind_registers(Machine::x86_64);
  return first.kind != CfaRule::Kind::none &&
         !(first.kind == CfaRule::Kind::register_offset && first.reg == registers.sp && first.offset == 8);
}

bool has(const std::vector<LoopRange>& ranges, const LoopRange& range) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const LoopRange& known) {
    return range.start.value < known.start.value + known.size && known.start.value < range.start.value + range.size;
  });
}

}  // namespace

Result<std::vector<LoopRange>> find_loop(const ElfFile& file, const NamedSymbol& function) {
  std::vector<LoopRange> ranges;
  auto frames = read_eh_frame(file);
  std::optional<FrameDescriptions> descriptions;
  if (frames) descriptions.emplace(std::move(*frames));
  if (descriptions) {
    const auto own = descriptions->holding({function.address}, file.machine());
    // One that begins earlier says where the symbol's part ends.
    if (!own.empty()) ranges.push_back(own.front().range);
  }
  if (ranges.empty()) {
    if (function.size == 0) return fail(Errc::not_found, "nothing says how long the main loop is");
    ranges.push_back({function.address, function.size});
  }
  for (size_t i = 0; descriptions && i < ranges.size(); ++i) {
    for (const auto& part : descriptions->holding(jumps_out_of(file, ranges[i]), file.machine())) {
      if (ranges.size() < SP_MAX_CODE_RANGES && begins_inside_a_function(part.first) && !has(ranges, part.range))
        ranges.push_back(part.range);
    }
  }
  std::sort(ranges.begin(), ranges.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
  return ranges;
}

}  // namespace splitprof
