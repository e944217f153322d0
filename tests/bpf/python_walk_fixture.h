// SPDX-License-Identifier: Apache-2.0
//
// What tests of BPF's step for Python begin with: a world with one interpreter and one thread.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/bpf/python_world.h"

namespace splitprof {

using Boundaries = std::vector<uint8_t>;
using W = PythonWorld;

class PythonWalk : public ::testing::Test {
 protected:
  // One interpreter that runs f0, f1, … below native frames.
  void set_up(sp_python_boundary boundary, const Boundaries& boundaries, const std::vector<uint64_t>& pcs) {
    runtime = W::value(boundary);
    frames = world.run(runtime, boundaries);
    world.set_native(pcs);
  }
  std::string walk(uint32_t max_steps = SP_MAX_STEPS) {
    world.references.clear();
    world.install(runtime);
    return world.walk(max_steps);
  }
  uint16_t end() const { return world.state->sample.end; }

  PythonWorld world;
  sp_runtime runtime{};
  std::vector<uint64_t> frames;
};

}  // namespace splitprof
