// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as an executable with CPython in it, and then as the memory of a process that maps it: symbols by name, the
// code of accessors, the loop's parts, thread storage, debug offsets, the type's members.
#include "bpf/python.h"
#include "processor/elf/local_file.h"
#include "processor/runtimes/python/python.h"
#include "processor/runtimes/thread_storage.h"
#include "shared/check.h"
#include "tests/processor/runtimes/file_memory.h"

using namespace splitprof;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* first = reinterpret_cast<const std::byte*>(data);
  MemoryFile file(std::vector<std::byte>(first, first + size));
  const auto elf = ElfFile::open(file);
  if (!elf) return 0;
  const auto storage = find_thread_storage(*elf);
  CHECK(!storage || !*storage || (*storage)->offset > 0);
  const auto python = python_runtime().inspect(*elf, "python3.8");
  if (!python || !*python) return 0;
  CHECK(!(*python)->version().empty());
  for (const uint64_t bias : {uint64_t{0}, uint64_t{0x10000}}) {
    testing::FileMemory memory_file(*elf, bias);
    ProcessMemory memory(memory_file);
    const auto instance = (*python)->locate({.bias = bias}, memory);
    if (!instance) continue;
    const RuntimeValue& value = (*instance)->value();
    CHECK(value.fields.size() == SP_PYTHON_state_base + 1);
    CHECK(!value.loops.empty() && value.loops.size() <= SP_MAX_CODE_RANGES);
    memory.begin();
    (void)(*instance)->read_function(memory,
                                     {.object = elf->segments().empty() ? 0 : elf->segments()[0].address.value});
  }
  return 0;
}
