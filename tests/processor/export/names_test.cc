// SPDX-License-Identifier: Apache-2.0
#include "processor/export/names.h"

#include <gtest/gtest.h>

#include <random>

#include "bpf/abi.h"
#include "processor/export/profile_summary.h"
#include "processor/export/utf8.h"
#include "sample_profile.h"

namespace splitprof {
namespace {

using Kind = Frame::Kind;

// How one frame is shown.
std::vector<DisplayFrame> shown(const Frame& frame, const Symbolizer& symbolizer, std::vector<std::string>& texts) {
  Profile profile;
  profile.add(profile.intern_resource({}), std::vector{frame}, SP_COUNT_complete, 1, 1);
  const Names names(profile, symbolizer);
  const auto lines = names.of(0);
  for (const DisplayFrame& line : lines) texts.emplace_back(names.text(line.text));
  return {lines.begin(), lines.end()};
}

std::string text_of(const Frame& frame, const Symbolizer& symbolizer = test::TableSymbolizer()) {
  std::vector<std::string> texts;
  shown(frame, symbolizer, texts);
  EXPECT_EQ(texts.size(), 1u);
  return texts.at(0);
}

TEST(Names, SayWhyFramesAreMissing) {
  EXPECT_EQ(text_of({.kind = Kind::marker, .place = Marker::kGap, .address = 232}), "[gap: 232 frames left out]");
  EXPECT_EQ(text_of({.kind = Kind::marker, .place = Marker::kGap, .address = 1}), "[gap: 1 frame left out]");
  EXPECT_EQ(text_of({.kind = Kind::marker, .place = SP_COUNT_time}), "[truncated: time]");
  EXPECT_EQ(text_of({.kind = Kind::marker, .place = 4711}), "[truncated: reason 4711]");
  EXPECT_EQ(text_of({.kind = Kind::marker, .place = Marker::kLimit}), "[stack not kept: the profile is full]");
}

TEST(Names, FallBackToTheModuleAndTheAddress) {
  test::TableSymbolizer symbolizer;
  symbolizer.set_module(Kind::native, 1, {"/usr/lib/libfoo.so.1", ""});
  symbolizer.set_module(Kind::kernel, 0, {"[kernel]", ""});
  EXPECT_EQ(text_of({.kind = Kind::native, .place = 1, .address = 0x1234}, symbolizer), "libfoo.so.1+0x1234");
  EXPECT_EQ(text_of({.kind = Kind::kernel, .address = 0xffffffff81000000}, symbolizer), "[kernel]+0xffffffff81000000");
  EXPECT_EQ(text_of({.kind = Kind::native, .place = 2, .address = 0x1234}, symbolizer), "[unknown]");
  EXPECT_EQ(text_of({.kind = Kind::unknown, .address = 0x1234}, symbolizer), "[unknown]");
}

TEST(Names, InlinedFunctionsComeInnermostFirst) {
  test::TableSymbolizer symbolizer;
  const Frame frame{.kind = Kind::native, .place = 1, .address = 16};
  symbolizer.set(frame, {{.function = "inner", .inlined = true}, {.function = ""}, {.function = "outer", .line = 9}});
  std::vector<std::string> texts;
  const auto lines = shown(frame, symbolizer, texts);
  EXPECT_EQ(texts, (std::vector<std::string>{"inner", "outer"}));
  EXPECT_EQ(lines[0].frame_class, FrameClass::inlined);
  EXPECT_EQ(lines[1].frame_class, FrameClass::native);
  EXPECT_EQ(lines[1].line, 9u);
  EXPECT_TRUE(lines[0].named);
}

TEST(Names, AnAddressOutsideOfFilesThatHasANameIsJitCode) {
  test::TableSymbolizer symbolizer;
  const Frame frame{.kind = Kind::unknown, .address = 16};
  symbolizer.set(frame, {{.function = "compiled"}});
  std::vector<std::string> texts;
  EXPECT_EQ(shown(frame, symbolizer, texts)[0].frame_class, FrameClass::jit);
}

TEST(Names, AProcessWithoutANameIsItsPid) {
  Profile profile;
  profile.intern_resource({.pid = 77});
  const Names names(profile, test::TableSymbolizer());
  EXPECT_EQ(names.text(names.process(0)), "[pid 77]");
}

TEST(PrintableText, KeepsWhatIsHarmless) {
  EXPECT_EQ(printable_text("operator<< <ünïcode> 関数 🔥", 100), "operator<< <ünïcode> 関数 🔥");
}

TEST(PrintableText, ReplacesWhatDrivesTerminalsOrReordersText) {
  EXPECT_EQ(printable_text("a\nb\tc\x1b[31m\x7f", 100), "a?b?c?[31m?");
  EXPECT_EQ(printable_text("a\xe2\x80\xae"
                           "b",
                           100),
            "a?b");                                                        // right-to-left override
  EXPECT_EQ(printable_text("\xff\xc0\xaf\xed\xa0\x80x", 100), "??????x");  // no byte, overlong, surrogate
  EXPECT_EQ(printable_text("cut \xe2\x82", 100), "cut ??");
}

TEST(PrintableText, IsValidAndBoundedForAnyBytes) {
  for (uint32_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    std::string bytes(random() % 40, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random() % 3 == 0 ? random() % 128 : random());
    const size_t bound = 4 + random() % 30;
    const auto text = printable_text(bytes, bound);
    EXPECT_LE(text.size(), bound);
    for (std::string_view rest = text; !rest.empty();) {
      const auto character = next_character(rest);
      ASSERT_TRUE(character.valid);
      EXPECT_TRUE(is_harmless(character.value));
      rest.remove_prefix(character.bytes);
    }
  }
}

TEST(ProfileSummary, CountsWholeTruncatedAndNamed) {
  const auto sampled = test::small_profile();
  const Names names(sampled->profile, sampled->symbolizer);
  RunSummary summary;
  summarize_profile(sampled->profile, names, summary);
  EXPECT_EQ(summary.samples.aggregated, 25u);
  EXPECT_EQ(summary.stacks.truncated, (RunSummary::Reasons{{"gap", 1}, {"time", 2}}));
  EXPECT_EQ(summary.stacks.whole, 22u);
  EXPECT_EQ(summary.named.samples, 25u);
  EXPECT_EQ(summary.named.leaf_named, 23u);  // not: the one without a symbol, the one in no mapping
  EXPECT_EQ(summary.named.all_named, 21u);   // nor the two whose script was called by nobody known
}

TEST(ProfileSummary, SamplesPastTheLimitsAreNotWhole) {
  Profile profile({.max_traces = 0});
  profile.add(profile.intern_resource({}), std::vector{Frame{.address = 1}}, SP_COUNT_complete, 1, 1);
  RunSummary summary;
  summarize_profile(profile, Names(profile, test::TableSymbolizer()), summary);
  EXPECT_EQ(summary.stacks.whole, 0u);
  EXPECT_EQ(summary.stacks.truncated, (RunSummary::Reasons{{"limit", 1}}));
}

}  // namespace
}  // namespace splitprof
