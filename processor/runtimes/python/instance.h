// SPDX-License-Identifier: Apache-2.0
//
// CPython in one executable, and in one process that maps it. Immutable; made and used by workers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "processor/runtimes/python/loop.h"
#include "processor/runtimes/python/offsets.h"
#include "processor/runtimes/python/symbols.h"
#include "processor/runtimes/python/thread_state.h"
#include "processor/runtimes/runtime.h"

namespace splitprof {

// All that is known of the file.
struct PythonFacts {
  PythonSymbols symbols;
  PythonVersion version;
  PythonOffsets offsets;  // of the table
  PythonStatePlaces places;
  std::vector<LoopRange> loops;
  std::vector<Segment> segments;
};

class PythonFile final : public RuntimeFile {
 public:
  explicit PythonFile(PythonFacts facts) : facts_(std::move(facts)) {}
  std::string version() const override { return facts_.version.text(); }
  Result<std::unique_ptr<RuntimeInstance>> locate(const RuntimePlace& place, ProcessMemory& memory) const override;
  const PythonFacts& facts() const { return facts_; }

 private:
  const PythonFacts facts_;
};

class PythonInstance final : public RuntimeInstance {
 public:
  PythonInstance(RuntimeValue value, const PythonLayout& layout, uint64_t bias, std::vector<Segment> segments)
      : value_(std::move(value)), layout_(layout), bias_(bias), segments_(std::move(segments)) {}
  const RuntimeValue& value() const override { return value_; }
  Result<Function> read_function(ProcessMemory& memory, const FunctionPlace& place) const override;
  std::optional<ElfAddress> in_file(uint64_t object) const override;
  const PythonLayout& layout() const { return layout_; }

 private:
  const RuntimeValue value_;
  const PythonLayout layout_;
  const uint64_t bias_;
  const std::vector<Segment> segments_;
};

}  // namespace splitprof
