// SPDX-License-Identifier: Apache-2.0
#include "shared/log.h"

#include <gtest/gtest.h>
#include <kj/debug.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <functional>

namespace splitprof {
namespace {

// Runs `write` with stderr on a file, and gives back what arrived there.
std::string captured(const std::function<void()>& write) {
  std::FILE* file = std::tmpfile();
  const int saved = dup(STDERR_FILENO);
  std::fflush(stderr);
  dup2(fileno(file), STDERR_FILENO);
  write();
  std::fflush(stderr);
  dup2(saved, STDERR_FILENO);
  close(saved);
  std::string text(static_cast<size_t>(lseek(fileno(file), 0, SEEK_END)), '\0');
  EXPECT_EQ(pread(fileno(file), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  std::fclose(file);
  return text;
}

TEST(Log, WritesLevelProgramAndTextToAFile) {
  const auto text = captured([] {
    log::set_up("sampler", spdlog::level::info);
    log::info("ring of {} bytes", 4096);
    log::debug("not shown");
  });
  EXPECT_TRUE(text.ends_with(" sampler: info: ring of 4096 bytes\n")) << text;
  EXPECT_EQ(text.find("not shown"), std::string::npos);
}

TEST(Log, PrefixesThePriorityWhenStderrIsTheJournal) {
  const auto text = captured([] {
    struct stat status;
    ASSERT_EQ(fstat(STDERR_FILENO, &status), 0);
    setenv("JOURNAL_STREAM", fmt::format("{}:{}", status.st_dev, status.st_ino).c_str(), 1);
    log::set_up("sampler", spdlog::level::debug);
    log::error("a");
    log::warn("b");
    log::info("c");
    log::debug("d");
  });
  EXPECT_EQ(text, "<3>a\n<4>b\n<6>c\n<7>d\n");
  const auto elsewhere = captured([] {
    setenv("JOURNAL_STREAM", "1:1", 1);
    log::set_up("sampler", spdlog::level::debug);
    log::error("a");
  });
  EXPECT_FALSE(elsewhere.starts_with("<3>")) << elsewhere;
  unsetenv("JOURNAL_STREAM");
}

TEST(Log, WritesOneLineWhateverTheTextHolds) {
  const auto text = captured([] {
    log::set_up("sampler", spdlog::level::info);
    log::info("{}", "forged\n<2>line\x1b[31m");
  });
  EXPECT_TRUE(text.ends_with("info: forged\\x0a<2>line\\x1b[31m\n")) << text;
}

TEST(Log, CarriesTheMessagesOfKj) {
  const auto text = captured([] {
    log::set_up("sampler", spdlog::level::info);
    log::KjMessages messages;
    KJ_LOG(ERROR, "something odd", 42);
  });
  EXPECT_NE(text.find("sampler: error: something odd; 42"), std::string::npos) << text;
  EXPECT_NE(text.find("log_test.cc:"), std::string::npos) << text;
}

TEST(Log, KnowsItsLevels) {
  EXPECT_EQ(log::parse_level("debug"), spdlog::level::debug);
  EXPECT_EQ(log::parse_level("error"), spdlog::level::err);
  EXPECT_EQ(log::parse_level("loud"), std::nullopt);
}

TEST(Printable, EscapesEverythingButPlainText) {
  EXPECT_EQ(log::printable("/usr/bin/env"), "/usr/bin/env");
  EXPECT_EQ(log::printable(std::string_view("a\0b\n", 4)), "a\\x00b\\x0a");
  EXPECT_EQ(log::printable("\xc3\xa4"), "\\xc3\\xa4");
  EXPECT_EQ(log::printable("\\x0a"), "\\\\x0a") << "not to be confused with an escaped newline";
  EXPECT_EQ(log::printable(std::string(300, 'x'), 3), "xxx... (297 more bytes)");
}

}  // namespace
}  // namespace splitprof
