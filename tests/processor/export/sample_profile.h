// SPDX-License-Identifier: Apache-2.0
//
// Made-up profiles for tests of the outputs: a small one that can be checked by eye, and a large one with the shapes
// that real ones have. Both contain hostile names.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "processor/export/summary.h"
#include "processor/traces/profile.h"
#include "processor/traces/symbolizer.h"

namespace splitprof::test {

class TableSymbolizer : public Symbolizer {
 public:
  void set(const Frame& frame, std::vector<Symbol> symbols) { symbols_[frame] = std::move(symbols); }
  void set_module(Frame::Kind kind, uint32_t place, Module module) { modules_[{kind, place}] = std::move(module); }
  std::vector<Symbol> symbolize(const Frame& frame) const override;
  Module module(const Frame& frame) const override;

 private:
  std::map<Frame, std::vector<Symbol>> symbols_;
  std::map<std::pair<Frame::Kind, uint32_t>, Module> modules_;
};

struct Sampled {
  Profile profile;
  TableSymbolizer symbolizer;
  RunSummary summary;
};

// Runs as JavaScript would if a page took names for markup.
inline constexpr const char* kHostileName =
    "</script><script>window.hostile = 1</script><img src=x onerror='window.hostile = 1'>";

std::unique_ptr<Sampled> small_profile();
// `stacks` different stacks of five processes, the same ones at every call.
std::unique_ptr<Sampled> large_profile(size_t stacks);

// What `write(fd)` writes.
template <typename Write>
std::string written(Write write) {
  std::FILE* file = std::tmpfile();
  auto result = write(fileno(file));
  std::string text;
  if (result.has_value()) {
    std::rewind(file);
    char block[4096];
    while (const size_t n = std::fread(block, 1, sizeof(block), file)) text.append(block, n);
  }
  std::fclose(file);
  return text;
}

}  // namespace splitprof::test
