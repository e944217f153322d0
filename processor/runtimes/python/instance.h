// SPDX-License-Identifier: Apache-2.0
//
// CPython in one executable, and in one process that maps it. Immutable; made and used by workers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "processor/runtimes/loop.h"
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
  PythonInstance(RuntimeValue value, const PythonLayout& layout) : value_(std::move(value)), layout_(layout) {}
  const RuntimeValue& value() const override { return value_; }
  Result<Function> read_function(ProcessMemory& memory, const FunctionPlace& place) const override;
  const PythonLayout& layout() const { return layout_; }

 private:
  const RuntimeValue value_;
  const PythonLayout layout_;
};

}  // namespace splitprof
