// SPDX-License-Identifier: Apache-2.0
//
// How BPF's step for Python finds the state of the thread that was interrupted, by each of the ways that a C library
// and an interpreter have; and that it takes nobody else's.
#include "tests/bpf/python_walk_fixture.h"

namespace splitprof {
namespace {

class PythonThread : public PythonWalk {
 protected:
  void SetUp() override {
    set_up(SP_PYTHON_EACH, {0}, {W::loop(), W::c(0)});
    own_state = world.add_state(runtime, frames[0]);
    other_state = world.add_state(runtime, frames[0], W::kThreadPointer + 0x40);
    forget_thread_local();
  }
  void forget_thread_local() {
    world.write64(W::kThreadPointer + W::kThreadLocal, 0);
    runtime.tls_access = SP_TLS_NONE;
    runtime.tls_value = 0;
  }
  void expect_found() {
    const auto before = world.counted(SP_COUNT_interpreter_no_thread);
    EXPECT_EQ(walk(), "[f0@0 loop c0");
    EXPECT_EQ(world.counted(SP_COUNT_interpreter_no_thread), before);
  }
  void expect_not_found() {
    const auto before = world.counted(SP_COUNT_interpreter_no_thread);
    EXPECT_EQ(walk(), "loop c0");
    EXPECT_EQ(end(), SP_COUNT_complete);
    EXPECT_EQ(world.counted(SP_COUNT_interpreter_no_thread), before + 1);
  }
  // Where a word is that the test chooses.
  uint64_t word(uint64_t value) {
    const uint64_t at = world.allocate(8);
    world.write64(at, value);
    return at;
  }
  uint64_t own_state = 0, other_state = 0;
};

TEST_F(PythonThread, IsNotGuessed) {
  expect_not_found();
}

TEST_F(PythonThread, ByTheOffsetOfItsOwnVariable) {
  runtime.tls_access = SP_TLS_OFFSET;
  runtime.tls_value = static_cast<uint64_t>(int64_t{-64});
  world.write64(W::kThreadPointer - 64, own_state);
  expect_found();
  world.write64(W::kThreadPointer - 64, other_state);
  expect_not_found();
  runtime.tls_value = 0x100000;
  expect_not_found();
}

TEST_F(PythonThread, ByTheOffsetInAWordOfTheGlobalOffsetTable) {
  runtime.tls_access = SP_TLS_GOT_OFFSET;
  runtime.tls_value = word(static_cast<uint64_t>(int64_t{-64}));
  world.write64(W::kThreadPointer - 64, own_state);
  expect_found();
  runtime.tls_value = 0x5000;
  expect_not_found();
}

TEST_F(PythonThread, ByModuleAndOffset) {
  const uint64_t block = world.allocate(256), got = world.allocate(16);
  world.write64(block + 0x48, own_state);
  world.write64(got, 3);
  world.write64(got + 8, 0x48);
  runtime.tls_access = SP_TLS_GOT_PAIR;
  runtime.tls_value = got;
  for (const bool musl : {false, true}) {
    SCOPED_TRACE(musl);
    const uint64_t vector = world.allocate(128);
    world.write64(W::kThreadPointer + 8, vector);
    world.write64(vector + 3 * (musl ? 8 : 16), block);
    runtime.storage = musl ? SP_STORAGE_ARRAY : SP_STORAGE_BLOCKS;
    expect_found();
    runtime.tls_value = SP_TLS_SLOT(got, 0x28);
    expect_not_found();
    world.write64(got + 8, 0x48 - 0x28);  // the code has the rest
    expect_found();
    world.write64(got + 8, 0x48);
    runtime.tls_value = got;
    world.write64(vector + 3 * (musl ? 8 : 16), ~uint64_t{0});
    expect_not_found();  // glibc has not made this thread's block yet
  }
  world.write64(W::kThreadPointer + 8, 0x5000);
  expect_not_found();
}

TEST_F(PythonThread, ByTheHolderOfTheLock) {
  const uint64_t holder = word(own_state);
  runtime.fields[SP_PYTHON_holder_address] = holder;
  expect_found();
  world.write64(holder, other_state);
  expect_not_found();
  world.write64(holder, 0);
  expect_not_found();
  runtime.fields[SP_PYTHON_holder_address] = 0x5000;
  expect_not_found();
}

TEST_F(PythonThread, ByThePthreadKeyInBlocks) {
  const uint64_t first = world.allocate(32 * 16), second = world.allocate(32 * 16);
  world.write64(W::kThreadPointer + 0x310, first);
  world.write64(W::kThreadPointer + 0x310 + 8, second);
  runtime.storage = SP_STORAGE_BLOCKS;
  runtime.storage_offset = 0x310;
  for (const uint32_t key : {0, 1, 31, 32, 40, 63}) {
    SCOPED_TRACE(key);
    const uint64_t pair = (key < 32 ? first : second) + key % 32 * 16;
    runtime.fields[SP_PYTHON_key_address] = word(uint64_t{0xdead} << 32 | key);  // an int: what follows is another's
    expect_not_found();
    world.write64(pair + 8, own_state);
    expect_found();
    world.write64(pair + 8, 0);
  }
  for (const uint32_t key : {64u, 1023u, 1024u, 0xffffffffu}) {
    SCOPED_TRACE(key);
    runtime.fields[SP_PYTHON_key_address] = word(key);
    expect_not_found();
  }
}

TEST_F(PythonThread, ByThePthreadKeyInAnArray) {
  const uint64_t array = world.allocate(128 * 8);
  world.write64(W::kThreadPointer - 0x40, array);
  world.write64(array + 5 * 8, own_state);
  runtime.storage = SP_STORAGE_ARRAY;
  runtime.storage_offset = -0x40;
  runtime.fields[SP_PYTHON_key_address] = word(5);
  expect_found();
  runtime.fields[SP_PYTHON_key_address] = word(128);
  expect_not_found();
  runtime.storage = SP_STORAGE_NONE;
  runtime.fields[SP_PYTHON_key_address] = word(5);
  expect_not_found();
}

// The variable is empty while the lock is released, and the holder is another thread.
TEST_F(PythonThread, OneWayAfterAnother) {
  const uint64_t array = world.allocate(16), holder = word(other_state);
  world.write64(W::kThreadPointer - 0x40, array);
  world.write64(array + 8, own_state);
  runtime.tls_access = SP_TLS_OFFSET;
  runtime.tls_value = static_cast<uint64_t>(W::kThreadLocal);
  runtime.storage = SP_STORAGE_ARRAY;
  runtime.storage_offset = -0x40;
  runtime.fields[SP_PYTHON_holder_address] = holder;
  runtime.fields[SP_PYTHON_key_address] = word(1);
  expect_found();
}

TEST_F(PythonThread, LeadsToItsFrameByACframe) {
  const uint64_t cframe = world.allocate(64);
  world.write64(cframe + 16, frames[0]);
  runtime.fields[SP_PYTHON_has_cframe] = 1;
  runtime.fields[SP_PYTHON_cframe_frame] = 16;
  runtime.fields[SP_PYTHON_holder_address] = word(own_state);
  world.write64(own_state + runtime.fields[SP_PYTHON_state_frame], cframe);
  expect_found();
  world.write64(own_state + runtime.fields[SP_PYTHON_state_frame], 0x5000);
  expect_not_found();
}

TEST_F(PythonThread, IsLookedForOnceInAWalk) {
  world.set_native(std::vector{W::loop(), W::c(0), W::loop(), W::c(1)});
  EXPECT_EQ(walk(), "loop c0 loop c1");
  EXPECT_EQ(world.counted(SP_COUNT_interpreter_no_thread), 1u);
}

}  // namespace
}  // namespace splitprof
