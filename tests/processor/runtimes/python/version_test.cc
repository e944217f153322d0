// SPDX-License-Identifier: Apache-2.0
#include "processor/runtimes/python/version.h"

#include <gtest/gtest.h>

#include "processor/runtimes/python/offsets.h"

namespace splitprof {
namespace {

std::string by_path(std::string_view path) {
  const auto version = python_version_of_path(path);
  return version ? version->text() : "none";
}

TEST(PythonVersion, IsReadFromNames) {
  EXPECT_EQ(by_path("/usr/bin/python3.11"), "3.11");
  EXPECT_EQ(by_path("/usr/lib/libpython3.6m.so.1.0"), "3.6");
  EXPECT_EQ(by_path("libpython3.13t.so.1.0"), "3.13t");
  EXPECT_EQ(by_path("/tmp/_MEIabc/libpython3.9.so.1.0"), "3.9");
  EXPECT_EQ(by_path("/opt/python3.12/bin/uwsgi"), "none") << "a folder's name is no file's";
  EXPECT_EQ(by_path("/usr/bin/python3"), "none");
  EXPECT_EQ(by_path("/usr/bin/python4.1"), "none");
  EXPECT_EQ(by_path("/usr/bin/python3.999"), "none");
  EXPECT_EQ(by_path(""), "none");
}

TEST(PythonVersion, IsReadFromTexts) {
  EXPECT_EQ(python_version_of_text("3.8.18 (default")->text(), "3.8.18");
  EXPECT_EQ(python_version_of_text("3.11.2+")->text(), "3.11.2");
  EXPECT_EQ(python_version_of_text("2.7.18")->text(), "2.7.18");
  EXPECT_FALSE(python_version_of_text("3"));
  EXPECT_FALSE(python_version_of_text("3."));
  EXPECT_FALSE(python_version_of_text("1.2.3"));
  EXPECT_FALSE(python_version_of_text("%.80s (%.80s) %.80s"));
}

TEST(PythonVersion, IsReadFromItsNumber) {
  EXPECT_EQ(python_version_of_hex(0x030b02f0).text(), "3.11.2");
}

TEST(PythonOffsets, EveryVersionFitsTheKernelsBounds) {
  for (uint8_t minor = 6; minor <= 15; ++minor) {
    for (const bool free_threaded : {false, true}) {
      const PythonVersion version{.major = 3, .minor = minor, .free_threaded = free_threaded};
      SCOPED_TRACE(version.text());
      const auto offsets = python_offsets(version);
      ASSERT_EQ(offsets.has_value(), !free_threaded || minor >= 13);
      if (!offsets) continue;
      const auto fields = python_fields(*offsets, {});
      ASSERT_TRUE(fields) << fields.error().message;
      // The window holds the names, and neither the header with its reference count nor what changes behind them.
      const PythonLayout& layout = offsets->layout;
      EXPECT_GE(layout.check_offset, layout.object_type + 8);
      EXPECT_LE(layout.check_offset, layout.code_file);
      EXPECT_GE(layout.check_offset + layout.check_words * 8, layout.code_name + 8);
      EXPECT_LE(layout.check_words, SP_MAX_CHECK_WORDS);
    }
  }
}

TEST(PythonOffsets, OtherVersionsAreRefusedByName) {
  const auto message = [](int major, int minor) {
    const auto offsets = python_offsets({.major = static_cast<uint8_t>(major), .minor = static_cast<uint8_t>(minor)});
    return offsets ? std::string("known") : offsets.error().message;
  };
  EXPECT_EQ(message(2, 7), "Python 2.7: the oldest that can be read is 3.6");
  EXPECT_EQ(message(3, 5), "Python 3.5: the oldest that can be read is 3.6");
  EXPECT_EQ(message(3, 16), "Python 3.16: its structures are not known; the newest that are known are of 3.15");
}

TEST(PythonOffsets, AnOffsetOutOfTheKernelsBoundsIsRefused) {
  auto offsets = *python_offsets({.major = 3, .minor = 13});
  offsets.frames.previous = 4000;
  EXPECT_FALSE(python_fields(offsets, {}));
}

}  // namespace
}  // namespace splitprof
