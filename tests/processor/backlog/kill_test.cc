// SPDX-License-Identifier: Apache-2.0
//
// A process is killed at a random moment, again and again, while it appends to and forgets from one backlog. What it
// had been told to be on disk is there afterwards, in order and as it was; what it had been told to be forgotten is
// not.
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include <map>
#include <random>

#include "shared/log.h"
#include "tests/processor/backlog/backlog_folder.h"

using namespace splitprof;
using namespace splitprof::testing;

namespace {

constexpr int kRounds = 50;

// What is known of a message, and what the child says of it.
enum class Fate : uint64_t { on_disk, being_forgotten, forgotten };
struct Told {
  uint64_t number = 0;
  Fate fate = Fate::on_disk;
};

void tell(int fd, uint64_t number, Fate fate) {
  const Told told{number, fate};
  CHECK(write(fd, &told, sizeof told) == sizeof told);
}

// Until it is killed.
[[noreturn]] void append_and_forget(const Backlog::Options& options, int fd, uint32_t seed) {
  ExporterMetrics metrics;
  auto opened = Backlog::open(options, metrics, kNow);
  CHECK(opened.has_value());
  Backlog& backlog = **opened;
  std::mt19937 random(seed);
  uint64_t number = backlog.first_free_number(), told = number;
  for (uint64_t time = 1;; ++time) {
    for (uint32_t i = random() % 4; i > 0; --i) {
      backlog.append(number, numbered_message(number, 100 + random() % 4000));
      ++number;
    }
    backlog.tick(time * kSecond, kNow + time);
    for (; told < number && backlog.on_disk(told); ++told) tell(fd, told, Fate::on_disk);
    if (random() % 6 != 0) continue;
    std::vector<uint64_t> forgotten;
    for (uint32_t i = random() % 12; i > 0; --i)
      if (const auto entry = backlog.take()) forgotten.push_back(entry->number);
    for (const uint64_t one : forgotten) {
      tell(fd, one, Fate::being_forgotten);
      backlog.forget(one);
    }
    while (!backlog.settled()) ++time, backlog.tick(time * kSecond, kNow + time);
    for (; told < number; ++told)
      if (backlog.on_disk(told)) tell(fd, told, Fate::on_disk);
    for (const uint64_t one : forgotten) tell(fd, one, Fate::forgotten);
  }
}

class KilledProcess : public ::testing::TestWithParam<bool> {};

TEST_P(KilledProcess, KeepsWhatWasAcknowledged) {
  TemporaryFolder folder;
  Backlog::Options options{.folder = folder.backlog(), .io_uring = GetParam()};
  std::mt19937 random(GetParam() ? 1 : 2);
  std::map<uint64_t, Fate> expected;
  uint64_t acknowledged = 0, unexpected = 0;
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE(round);
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      close(ends[0]);
      splitprof::log::set_up("kill_test", splitprof::log::Level::err);
      append_and_forget(options, ends[1], static_cast<uint32_t>(random()));
    }
    close(ends[1]);
    // As many words as the child had said; then the rest of what is in the pipe.
    const uint32_t words = random() % 200;
    Told told;
    for (uint32_t n = 0; read(ends[0], &told, sizeof told) == sizeof told; ++n) {
      expected[told.number] = told.fate;
      acknowledged += told.fate == Fate::on_disk;
      if (n == words) {
        if (random() % 2 == 0) usleep(random() % 3000);
        ASSERT_EQ(kill(child, SIGKILL), 0);
      }
    }
    close(ends[0]);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "it ended by itself: " << status;

    ExporterMetrics metrics;
    auto opened = Backlog::open(options, metrics, kNow);
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    EXPECT_EQ(metrics.backlog_damaged, 0u);
    uint64_t before = 0;
    std::map<uint64_t, Fate> left;
    while (const auto entry = (*opened)->take()) {
      ASSERT_GT(entry->number, before);
      before = entry->number;
      ASSERT_TRUE(same(entry->message, numbered_message(entry->number, entry->message.body.size())));
      const auto known = expected.find(entry->number);
      ASSERT_TRUE(known == expected.end() || known->second != Fate::forgotten) << entry->number << " is back";
      if (known == expected.end()) ++unexpected;  // written, and killed before it was said
      left[entry->number] = Fate::on_disk;
    }
    for (const auto& [number, fate] : expected) {
      ASSERT_TRUE(fate != Fate::on_disk || left.contains(number)) << number << " was acknowledged and is lost";
    }
    ASSERT_EQ(metrics.backlog_dropped, 0u);
    expected = std::move(left);
  }
  EXPECT_GT(acknowledged, 500u);
  RecordProperty("acknowledged", std::to_string(acknowledged));
  RecordProperty("written_but_not_said", std::to_string(unexpected));
}

INSTANTIATE_TEST_SUITE_P(Both, KilledProcess, ::testing::Bool(),
                         [](const auto& which) { return which.param ? "IoUring" : "Thread"; });

}  // namespace
