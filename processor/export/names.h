// SPDX-License-Identifier: Apache-2.0
//
// What each frame of a profile is called, worked out once and shared by all outputs. Texts are hostile data made
// printable: valid UTF-8, bounded, without control characters or such as change the direction of writing. Belongs to
// the thread that writes the outputs; refers to nothing once built.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "processor/export/printable.h"
#include "processor/traces/profile.h"
#include "processor/traces/symbolizer.h"

namespace splitprof {

enum class FrameClass : uint8_t { native, kernel, inlined, jit, interpreter, marker, unknown };
inline constexpr size_t kFrameClasses = 7;

using TextId = uint32_t;    // of Names::text; 0 is the empty text
using ModuleId = uint32_t;  // of Names::modules; 0 is "no module"

// One line of a stack as people see it.
struct DisplayFrame {
  TextId text = 0;  // never empty: a symbol, or `module+0xoffset`, `[unknown]`, `[gap: 232 frames left out]`, …
  TextId file = 0;  // source file; 0: unknown
  uint32_t line = 0;
  ModuleId module = 0;
  FrameClass frame_class = FrameClass::unknown;
  bool named = false;  // a symbol is known
};

class Names {
 public:
  struct DisplayModule {
    TextId path = 0;
    TextId build_id = 0;
  };

  Names(const Profile& profile, const Symbolizer& symbolizer);

  // Innermost first; never empty.
  std::span<const DisplayFrame> of(FrameId frame) const;
  // What a resource's process is called; never empty.
  TextId process(ResourceId resource) const { return processes_[resource]; }

  std::string_view text(TextId id) const { return texts_[id]; }
  size_t text_count() const { return texts_.size(); }
  const std::vector<DisplayModule>& modules() const { return modules_; }

 private:
  TextId intern(std::string_view raw);
  ModuleId intern(const Module& module);
  void add(const Frame& frame, const Symbolizer& symbolizer);
  void add_symbols(const Frame& frame, const std::vector<Symbol>& symbols, ModuleId module);
  DisplayFrame without_symbol(const Frame& frame, ModuleId module);

  std::vector<std::string> texts_;
  std::unordered_map<std::string, TextId> text_ids_;
  std::vector<DisplayModule> modules_;
  std::unordered_map<uint64_t, ModuleId> module_ids_;  // by both texts
  std::vector<DisplayFrame> lines_;
  std::vector<uint32_t> first_line_;  // of each frame, and one past the last
  std::vector<TextId> processes_;
};

}  // namespace splitprof
