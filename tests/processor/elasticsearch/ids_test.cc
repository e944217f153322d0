// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/ids.h"

#include <gtest/gtest.h>

#include <vector>

#include "processor/elasticsearch/file_id.h"
#include "processor/elasticsearch/frame_types.h"
#include "tests/processor/elasticsearch/build_profiles.h"

namespace splitprof::elasticsearch {
namespace {

constexpr FileId kFile{0x600dcafe4a110000, 0xf2bf38c493f5fb92};

std::string text(std::string_view id) {
  return std::string(id);
}

std::string types_text(const std::vector<uint8_t>& root_first) {
  std::string out;
  append_frame_types(out, root_first);
  return out;
}

TEST(Ids, AFilesTextIsBase64OfItsBytes) {
  EXPECT_EQ(text(file_id_text(kFile)), "YA3K_koRAADyvzjEk_X7kg");
  EXPECT_EQ(file_id_digits(kFile), "600dcafe4a110000f2bf38c493f5fb92");
}

TEST(Ids, AFramesTextIsItsFilesAndItsAddress) {
  EXPECT_EQ(text(frame_id_text(kFile, 111)), "YA3K_koRAADyvzjEk_X7kgAAAAAAAABv");
}

TEST(Ids, ATraceOfOneNativeFrame) {
  TraceIdBuilder id;
  id.add(kFile, 111);
  EXPECT_EQ(text(id.text()), "02VzuClbpt_P3xxwox83Ng");
  EXPECT_EQ(types_text({3}), "AQM");
}

TEST(Ids, DigitsAreReadInAnyUsualForm) {
  for (const char* digits : {"600dcafe4a110000f2bf38c493f5fb92", "600DCAFE4A110000F2BF38C493F5FB92",
                             "0x600dcafe4a110000f2bf38c493f5fb92", "600dcafe-4a11-0000-f2bf-38c493f5fb92"}) {
    EXPECT_EQ(parse_file_id(digits), kFile) << digits;
  }
  for (const char* wrong : {"", "0x", "600dcafe", "600dcafe4a110000f2bf38c493f5fb9",
                            "600dcafe4a110000f2bf38c493f5fb921", "600dcafe4a110000f2bf38c493f5fb9g"}) {
    EXPECT_FALSE(parse_file_id(wrong)) << wrong;
  }
}

TEST(FrameTypes, RunsAreLengthAndNumber) {
  std::vector<uint8_t> mixed(8, 3);
  mixed.insert(mixed.end(), 44, 5);
  mixed.insert(mixed.end(), 2, 3);
  mixed.insert(mixed.end(), 16, 4);
  EXPECT_EQ(types_text(mixed), "CAMsBQIDEAQ");
}

TEST(FrameTypes, LongRunsAreSplit) {
  EXPECT_EQ(types_text(std::vector<uint8_t>(300, 4)), "_wQtBA");
}

TEST(FrameTypes, NumbersAreTheServers) {
  const std::pair<const char*, int> expected[] = {
      {"unknown", 0}, {"cpython", 1}, {"php", 2},  {"native", 3}, {"kernel", 4},  {"jvm", 5},
      {"ruby", 6},    {"perl", 7},    {"v8js", 8}, {"rust", 3},   {"dotnet", 10}, {"go", 11},
      {"beam", 12},   {"luajit", 13}, {"", 0},     {"Native", 0}, {"nat", 0},     {"abort-marker", 0x80},
  };
  for (const auto& [name, number] : expected) EXPECT_EQ(frame_type_number(name), number) << name;
}

TEST(FrameTypes, EveryRuntimeHasANumber) {
#define SP_RUNTIME(number, name, type) EXPECT_NE(frame_type_number(type), 0) << type;
#include "bpf/runtimes.def"
#undef SP_RUNTIME
}

TEST(FileIds, TheKernelsIsAHashOfItsBuildIdsDigits) {
  const FileId id = kernel_file_id("8f3c2a1d5e6b7c8d9e0f11223344556677889900");
  EXPECT_EQ(file_id_digits(id), "67b20636f437c7d87d0956d53df80ea3");
  EXPECT_EQ(text(file_id_text(kernel_file_id("8f3c2a1d5e6b7c8"))), "__________3__________Q");
  EXPECT_EQ(text(file_id_text(kernel_file_id(""))), "__________3__________Q");
}

FileId synthesised(const std::vector<test::ProfilesBuilder::Line>& lines) {
  test::ProfilesBuilder builder;
  const auto location = builder.location("cpython", 0, 0, lines);
  return synthesised_file_id(builder.batch.dictionary, *builder.batch.dictionary.location(location));
}

TEST(FileIds, OfFramesInNoFileAreMadeOfTheirLines) {
  EXPECT_EQ(file_id_digits(synthesised({{"handle_request", "app/server.py", 42, 0}})),
            "cb72b47e5b602c78cb72b47e5b602c78");
  EXPECT_EQ(file_id_digits(synthesised({{"main", "app/server.py", 7, 0}})), "3ca07e4f732c62743ca07e4f732c6274");
  EXPECT_EQ(file_id_digits(synthesised({})), "ef46db3751d8e999ef46db3751d8e999");
}

TEST(FileIds, AFunctionThatIsNotThereCountsAsEmpty) {
  otel::Dictionary dictionary;
  dictionary.lines = {{7, 42, 1}, {-1, 42, 1}};
  otel::Location with_index_7, with_negative_index;
  with_index_7.lines = {0, 1};
  with_negative_index.lines = {1, 1};
  EXPECT_EQ(synthesised_file_id(dictionary, with_index_7), synthesised({{"", "", 42, 1}}));
  EXPECT_EQ(synthesised_file_id(dictionary, with_negative_index), synthesised({{"", "", 42, 1}}));
}

TEST(Ids, TheWorkedStack) {
  const FileId kernel{0x67b20636f437c7d8, 0x7d0956d53df80ea3}, native{0x0011223344556677, 0x8899aabbccddeeff};
  const FileId handle{0xcb72b47e5b602c78, 0xcb72b47e5b602c78}, main{0x3ca07e4f732c6274, 0x3ca07e4f732c6274};
  EXPECT_EQ(text(file_id_text(kernel)), "Z7IGNvQ3x9h9CVbVPfgOow");
  EXPECT_EQ(text(file_id_text(native)), "ABEiM0RVZneImaq7zN3u_w");
  EXPECT_EQ(text(frame_id_text(main, 7)), "PKB-T3MsYnQ8oH5PcyxidAAAAAAAAAAH");
  EXPECT_EQ(text(frame_id_text(handle, 42)), "y3K0fltgLHjLcrR-W2AseAAAAAAAAAAq");
  EXPECT_EQ(text(frame_id_text(native, 0x1f3a0)), "ABEiM0RVZneImaq7zN3u_wAAAAAAAfOg");
  EXPECT_EQ(text(frame_id_text(kernel, 0x2e9145)), "Z7IGNvQ3x9h9CVbVPfgOowAAAAAALpFF");
  EXPECT_EQ(types_text({1, 1, 3, 4}), "AgEBAwEE");
  TraceIdBuilder id;
  id.add(kernel, 0x2e9145);
  id.add(native, 0x1f3a0);
  id.add(handle, 42);
  id.add(main, 7);
  EXPECT_EQ(text(id.text()), "lHqPJ91UEppmCN2Kqk0hQQ");
}

}  // namespace
}  // namespace splitprof::elasticsearch
