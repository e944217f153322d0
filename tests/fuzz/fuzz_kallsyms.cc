// SPDX-License-Identifier: Apache-2.0
//
// KernelSymbols over any text: every symbol that it counts can be found at some address of the text, within bounds.
#include <cstdint>
#include <string_view>

#include "processor/symbols/kernel.h"
#include "shared/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace splitprof;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto symbols = KernelSymbols::parse(text);
  if (!symbols) return 0;
  uint64_t address = 0;
  for (const char c : text) {
    address = address << 4 | (static_cast<unsigned char>(c) & 15);
    if (const auto found = symbols->find(RuntimeAddress(address)))
      CHECK(!found->name.empty() && text.find(found->name) != text.npos && found->start.value <= address);
  }
  return 0;
}
