// SPDX-License-Identifier: Apache-2.0
//
// demangle() over any name: it ends soon, within its bounds, whatever libiberty makes of it. libiberty itself is not
// instrumented, so the fuzzer does not learn the grammars by itself: an input that begins with 0, 1 or 2 is a sequence
// of their tokens, any other one is the name.
#include <cstdint>
#include <string>

#include "processor/symbols/demangle.h"
#include "shared/check.h"
#include "tests/fuzz/bytes_of_fuzzer.h"

namespace {

constexpr const char* kCxxTokens[] = {
    "I",   "E",  "S_",   "S0_",  "S1_", "S2_", "T_", "T0_",   "T1_",   "Dp",   "J",  "N",  "1a", "2bc", "cv", "DT",
    "Dt",  "L",  "X",    "fl",   "fr",  "fL",  "fR", "pl",    "sr",    "St",   "Sa", "Ss", "i",  "v",   "c",  "b",
    "K",   "P",  "R",    "O",    "F",   "A",   "_",  "M",     "UlvE_", "Ut_",  "Z",  "C1", "D1", "sp",  "sZ", "fp_",
    "fpT", "cl", "dt",   "pt",   "st",  "nw",  "gs", "il",    "tl",    "G",    "GV", "GR", "TV", "Th",  "Tc", "Dx",
    "DC",  "W",  "Li1E", "Lb1E", "10",  "u",   "U",  "Dv4_i", "DF16_", "DB8_", "y",  "Tt", "h",  "n",   "."};
constexpr const char* kRustTokens[] = {"C",   "N",   "I",   "M",    "X",  "Y",   "v",     "t",     "T",     "E",
                                       "B_",  "B0_", "B1_", "Ba_",  "1a", "2bc", "u3bba", "s_",    "R",     "Q",
                                       "P",   "O",   "A",   "S",    "F",  "U",   "K",     "D",     "G_",    "L_",
                                       "L0_", "p",   "h",   "Kj5_", "z",  "u",   "Kb1_",  "Kc61_", "Ke61_", "INvC1a1b"};
constexpr const char* kDTokens[] = {"3foo", "1a", "__T1a", "Z",    "F",   "U",  "M",         "S",      "S4", "S13",
                                    "T",    "V",  "i",     "A",    "G3",  "H",  "P",         "C",      "E",  "D",
                                    "Qb",   "Qd", "Qj",    "QBc",  "QBz", "Na", "Nb",        "K",      "J",  "x",
                                    "y",    "O",  "Ng",    "v",    "a",   "e4", "a3_616263", "A2i1i2", "12", "_D1a",
                                    "R",    "W",  "Y",     "B2ii", "X",   "0",  "6__ctor"};

template <size_t n>
std::string join(std::string name, const char* const (&tokens)[n], splitprof::BytesOfFuzzer input) {
  while (!input.empty()) name += tokens[input.take<uint8_t>() % n];
  return name;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  splitprof::BytesOfFuzzer input(data, size);
  std::string name(reinterpret_cast<const char*>(data), size);
  if (size > 0 && data[0] < 3) {
    const auto language = input.take<uint8_t>();
    name = language == 2   ? join("_D", kDTokens, input)
           : language == 1 ? join("_R", kRustTokens, input)
                           : join("_Z", kCxxTokens, input);
  }
  const auto demangled = splitprof::demangle(name);
  if (demangled)
    CHECK(demangled->size() <= splitprof::kMaxDemangledBytes && name.size() <= splitprof::kMaxMangledBytes);
  return 0;
}
