// SPDX-License-Identifier: Apache-2.0
#include "processor/config/config.h"

#include <gtest/gtest.h>

namespace splitprof {
namespace {

std::string document(const std::string& receiver, const std::string& exporter = "    path: /a/b\n") {
  return "receivers:\n  profiling:\n" + receiver + "exporters:\n  file:\n" + exporter +
         "service:\n  pipelines:\n    profiles:\n      receivers: [profiling]\n      exporters: [file]\n";
}
std::string error_of(const std::string& yaml) {
  const auto config = parse_config(yaml);
  return config ? "accepted" : config.error().message;
}

TEST(Config, HasDefaults) {
  const auto config = parse_config(document(""));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->samples_per_second, 20u);
  EXPECT_EQ(config->reporter_interval_ns, 5'000'000'000u);
  EXPECT_EQ(config->folded_path, "/a/b");
}

TEST(Config, TakesBothSpellingsOfTheRate) {
  EXPECT_EQ(parse_config(document("    samples_per_second: 97\n"))->samples_per_second, 97u);
  EXPECT_EQ(parse_config(document("    SamplesPerSecond: 19\n"))->samples_per_second, 19u);
}

TEST(Config, ReadsTimesWithTheirUnits) {
  EXPECT_EQ(parse_config(document("    reporter_interval: 1500ms\n"))->reporter_interval_ns, 1'500'000'000u);
  EXPECT_EQ(parse_config(document("    reporter_interval: 2m\n"))->reporter_interval_ns, 120'000'000'000u);
  for (const char* bad : {"5", "0s", "-1s", "nan s", "2h", "1e9s", "s", "[5s]"})
    EXPECT_NE(error_of(document(std::string("    reporter_interval: ") + bad + "\n")).find("line 3, column 24"),
              std::string::npos)
        << bad;
}

TEST(Config, AnUnknownKeyIsNamedWithItsPlaceAndTheNearestRightOne) {
  EXPECT_EQ(error_of(document("    sample_per_second: 97\n")),
            "line 3, column 5: unknown key \"sample_per_second\" in receivers.profiling; the nearest that is known is "
            "\"samples_per_second\"");
  EXPECT_EQ(error_of(document("", "    path: /a\n    fromat: folded\n")),
            "line 6, column 5: unknown key \"fromat\" in exporters.file; the nearest that is known is \"format\"");
}

TEST(Config, RefusesWhatItCannotDo) {
  EXPECT_NE(error_of(document("    samples_per_second: 0\n")), "accepted");
  EXPECT_NE(error_of(document("    samples_per_second: 1001\n")), "accepted");
  EXPECT_NE(error_of(document("    samples_per_second: many\n")), "accepted");
  EXPECT_NE(error_of(document("", "    path: relative\n")), "accepted");
  EXPECT_NE(error_of(document("", "    path: /a\n    format: pprof\n")), "accepted");
  EXPECT_NE(error_of(document("", "    format: folded\n")), "accepted");
  EXPECT_NE(error_of("receivers: {profiling: }\nexporters: {file: {path: /a}}\n"), "accepted");
  EXPECT_NE(error_of("receivers: [\n"), "accepted");
  EXPECT_NE(error_of(""), "accepted");
  EXPECT_NE(error_of("a"), "accepted");
}

}  // namespace
}  // namespace splitprof
