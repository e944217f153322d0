// SPDX-License-Identifier: Apache-2.0
//
// Records as the sampler writes them, for tests of what reads them.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "bpf/abi.h"
#include "schema/records.capnp.h"
#include "shared/record_slot.h"
#include "shared/ring.h"

namespace splitprof {

inline std::vector<uint64_t> build_record(const std::function<void(schema::Record::Builder)>& fill) {
  std::vector<uint64_t> words(kMaxRecordBytes / 8 - 1);
  RecordSlot slot(words);
  fill(slot.initRoot<schema::Record>());
  words.resize(slot.finish());
  return words;
}

inline kj::ArrayPtr<const capnp::byte> as_data(std::string_view text) {
  return {reinterpret_cast<const capnp::byte*>(text.data()), text.size()};
}

struct SampleText {
  uint64_t time_ns = 0;
  uint32_t pid = 10;
  uint64_t process = 1;  // key
  uint16_t end = SP_COUNT_complete;
  std::vector<uint64_t> kernel;
  std::vector<uint64_t> user;  // the leaf is exact, the others are return addresses
  std::vector<uint64_t> registers;
  uint64_t stack_address = 0;
  std::vector<std::byte> stack;
};

inline std::vector<uint64_t> build_sample(const SampleText& text) {
  return build_record([&](schema::Record::Builder record) {
    auto sample = record.initSample();
    sample.setTimeNs(text.time_ns);
    sample.setPid(text.pid);
    sample.setTid(text.pid);
    sample.setProcess(text.process);
    sample.setStartTimeNs(7);
    sample.setValue(1);
    sample.setEnd(text.end);
    sample.setComm(as_data("tested"));
    auto kernel = sample.initKernelFrames(static_cast<unsigned>(text.kernel.size()));
    for (unsigned i = 0; i < text.kernel.size(); ++i) kernel.set(i, text.kernel[i]);
    auto user = sample.initUserFrames(static_cast<unsigned>(text.user.size() * 2));
    for (unsigned i = 0; i < text.user.size(); ++i) {
      user.set(2 * i, SP_FRAME_HEADER(SP_FRAME_NATIVE, 1, i == 0 ? 0 : SP_FRAME_RETURN_ADDRESS, 0));
      user.set(2 * i + 1, text.user[i]);
    }
    auto registers = sample.initRegisters(static_cast<unsigned>(text.registers.size()));
    for (unsigned i = 0; i < text.registers.size(); ++i) registers.set(i, text.registers[i]);
    sample.setStackAddress(text.stack_address);
    sample.setStack({reinterpret_cast<const capnp::byte*>(text.stack.data()), text.stack.size()});
  });
}

}  // namespace splitprof
