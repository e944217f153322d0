// SPDX-License-Identifier: Apache-2.0
#include "processor/capture/entry.h"

#include <gtest/gtest.h>

#include "processor/capture/question_key.h"

namespace splitprof {
namespace {

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// One of each kind, with every field set.
std::vector<Entry> one_of_each() {
  std::vector<Entry> entries;
  entries.push_back(
      SessionEntry{.version = "1.2", .hz = 97, .duration_ns = 1ull << 60, .connected_ns = 3, .pids = {1, 1u << 31}});
  entries.push_back(ContentEntry{as_bytes("some content")});
  entries.push_back(RecordEntry{2, as_bytes("16 bytes of it..")});
  entries.push_back(TickEntry{1'000'000'000});
  entries.push_back(StopEntry{});
  entries.push_back(DisconnectedEntry{"gone"});
  entries.push_back(AskedEntry{7, "AskMappings", "key"});
  entries.push_back(AnswerEntry{8, Error{Errc::denied, "no"}});
  entries.push_back(AnswerEntry{9, Ok{}});
  entries.push_back(AnswerEntry{10, CapturedText{{0, 500, UINT32_MAX}}});
  entries.push_back(AnswerEntry{
      11, Description{
              .cgroup = "/a", .command_line = std::string("b\0c", 3), .executable_link = "/d", .start_time_ns = 4}});
  entries.push_back(AnswerEntry{
      12, CapturedFileValue{3, {.device = 1, .inode = UINT64_MAX, .size = 2, .modified_ns = -1, .changed_ns = 3}}});
  entries.push_back(AnswerEntry{13, InstalledTable{77}});
  entries.push_back(AnswerEntry{14, Host{.boot_id = "a",
                                         .machine_id = "b",
                                         .host_name = "c",
                                         .kernel_release = "d",
                                         .kernel_version = "e",
                                         .architecture = "f",
                                         .online_cpus = 2,
                                         .sampler_pids = {5, 6},
                                         .kernel_build_id = "g",
                                         .modules = {{"h", "i"}, {"j", ""}}}});
  entries.push_back(AnswerEntry{15, Counters{{{"one", 1}, {"two", UINT64_MAX}}}});
  entries.push_back(ReadEntry{1, 1ull << 50, 4096, Error{Errc::io, "EIO"}});
  entries.push_back(ReadEntry{2, 0, 4096, std::vector<ContentId>{1, 2, 3}});
  entries.push_back(JobStartedEntry{0});
  entries.push_back(JobFinishedEntry{4'000'000});
  entries.push_back(EndEntry{1, 2});
  return entries;
}

std::string encode(const Entry& entry) {
  std::string bytes;
  append_entry(bytes, entry);
  return bytes;
}

TEST(CaptureEntry, EveryKindIsReadAsItWasWritten) {
  for (const auto& entry : one_of_each()) {
    const auto bytes = encode(entry);
    size_t position = 0;
    const auto read = read_entry(as_bytes(bytes), position);
    ASSERT_TRUE(read) << entry.index() << ": " << read.error().message;
    EXPECT_EQ(read->index(), entry.index());
    EXPECT_EQ(position, bytes.size());
    EXPECT_EQ(encode(*read), bytes) << entry.index();
  }
}

TEST(CaptureEntry, ACutEntryIsRefusedWhereverItIsCut) {
  for (const auto& entry : one_of_each()) {
    const auto bytes = encode(entry);
    for (size_t size = 0; size < bytes.size(); ++size) {
      size_t position = 0;
      EXPECT_FALSE(read_entry(as_bytes(std::string_view(bytes).substr(0, size)), position))
          << entry.index() << " of " << size;
      EXPECT_EQ(position, 0u);
    }
  }
}

TEST(CaptureEntry, AKindOfANewerVersionIsSkippedWithItsLength) {
  std::string bytes = "\x63\x03xyz";
  append_entry(bytes, TickEntry{5});
  size_t position = 0;
  const auto first = read_entry(as_bytes(bytes), position);
  ASSERT_TRUE(first);
  ASSERT_TRUE(std::holds_alternative<UnknownEntry>(*first));
  const auto second = read_entry(as_bytes(bytes), position);
  ASSERT_TRUE(second);
  EXPECT_EQ(std::get<TickEntry>(*second).now_ns, 5u);
}

TEST(CaptureEntry, MoreFieldsAtTheEndOfAnEntryAreAllowed) {
  std::string bytes = encode(AnswerEntry{3, InstalledTable{7}});
  bytes += "new";
  bytes[1] = static_cast<char>(bytes[1] + 3);  // its length
  size_t position = 0;
  const auto read = read_entry(as_bytes(bytes), position);
  ASSERT_TRUE(read);
  EXPECT_EQ(std::get<InstalledTable>(std::get<AnswerEntry>(*read).value).id, 7u);
  EXPECT_EQ(position, bytes.size());
}

TEST(CaptureEntry, AListLongerThanItsBytesTakesNoMemory) {
  const std::string bytes = "\x09\x0a\x01\x00\x10\x01\xff\xff\xff\xff\xff\x0f";  // a read of 2^40 contents
  size_t position = 0;
  EXPECT_FALSE(read_entry(as_bytes(bytes), position));
}

TEST(QuestionKey, TellsQuestionsApartByTypeAndValue) {
  const auto a = key_of(AskMappings{ProcessKey(1)}), b = key_of(AskMappings{ProcessKey(2)});
  EXPECT_EQ(a.name, "AskMappings");
  EXPECT_EQ(a.name, b.name);
  EXPECT_NE(a.key, b.key);
  EXPECT_EQ(key_of(AskHost{}).key, "");
  EXPECT_EQ(key_of(SetMappings{ProcessKey(1), {{}, {}}}).key, key_of(SetMappings{ProcessKey(1), {}}).key);
}

}  // namespace
}  // namespace splitprof
