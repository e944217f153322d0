// SPDX-License-Identifier: Apache-2.0
#include "processor/backlog/outbox.h"

#include <deque>
#include <map>
#include <random>

#include "tests/processor/backlog/backlog_folder.h"

using namespace splitprof;
using namespace splitprof::testing;

namespace {

Message text(const std::string& body, uint32_t samples = 1) {
  return {.kind = 1, .items = 1, .samples = samples, .body = body};
}

class OutboxTest : public ::testing::Test {
 protected:
  // Ends the one before, as a crash does.
  void open(Outbox::Limits limits = {.max_messages = 3, .max_bytes = 1000}, bool with_backlog = true) {
    outbox_.reset();
    metrics_ = {};
    std::unique_ptr<Backlog> backlog;
    if (with_backlog) {
      auto opened = Backlog::open_with({.folder = folder_.backlog()}, metrics_, kNow, test_writer(disk_));
      ASSERT_TRUE(opened.has_value()) << opened.error().message;
      backlog = std::move(*opened);
    }
    outbox_ = std::make_unique<Outbox>(limits, std::move(backlog), metrics_);
  }
  void tick() {
    time_ += kSecond;
    outbox_->tick(time_, kNow + time_);
  }
  void settle() {
    for (int i = 0; i < 100 && !outbox_->settled(); ++i) tick();
    EXPECT_TRUE(outbox_->settled());
  }
  // The bodies of all that can be taken, and their leases.
  std::vector<std::string> take_all() {
    std::vector<std::string> bodies;
    leases_.clear();
    while (auto lease = outbox_->take()) {
      bodies.push_back(lease->message->body);
      leases_.push_back(*lease);
    }
    return bodies;
  }

  TemporaryFolder folder_;
  Disk disk_;
  ExporterMetrics metrics_;
  std::unique_ptr<Outbox> outbox_;
  std::vector<Outbox::Lease> leases_;
  uint64_t time_ = 0;
};

using Bodies = std::vector<std::string>;

TEST_F(OutboxTest, StaysInMemoryWhileTheServerKeepsUp) {
  open();
  for (int i = 0; i < 20; ++i) {
    outbox_->put(text("a"));
    const auto lease = outbox_->take();
    ASSERT_TRUE(lease.has_value());
    outbox_->done(lease->number);
  }
  settle();
  EXPECT_TRUE(outbox_->empty());
  EXPECT_EQ(metrics_.backlog_written, 0u);
  EXPECT_EQ(metrics_.samples_waiting, 0u);
  EXPECT_TRUE(folder_.segments().empty());
}

TEST_F(OutboxTest, WhatComesBackGoesToDiskWithAllAfterIt) {
  open();
  for (const char* body : {"a", "b", "c"}) outbox_->put(text(body));
  const auto first = outbox_->take();
  outbox_->give_back(first->number);
  outbox_->put(text("d"));
  settle();
  EXPECT_EQ(metrics_.backlog_messages, 4u);
  open({.max_messages = 10});
  EXPECT_EQ(metrics_.samples_waiting, 4u);
  EXPECT_EQ(take_all(), (Bodies{"a", "b", "c", "d"}));
}

TEST_F(OutboxTest, WhatDoesNotFitGoesToDiskAndTheOrderStays) {
  open();
  for (const char* body : {"a", "b", "c", "d", "e"}) outbox_->put(text(body));
  settle();
  EXPECT_EQ(metrics_.backlog_messages, 2u);
  Bodies seen;
  while (const auto lease = outbox_->take()) {
    seen.push_back(lease->message->body);
    outbox_->done(lease->number);
    if (seen.size() == 1) outbox_->put(text("f"));
  }
  EXPECT_EQ(seen, (Bodies{"a", "b", "c", "d", "e", "f"}));
  EXPECT_EQ(metrics_.backlog_messages, 0u);
  outbox_->put(text("g"));
  EXPECT_EQ(metrics_.backlog_messages, 0u) << "memory again";
}

TEST_F(OutboxTest, LeasesOfWhatIsOnDiskAreBoundedToo) {
  open();
  for (int i = 0; i < 20; ++i) outbox_->put(text(std::to_string(i)));
  EXPECT_EQ(take_all().size(), 3u);
  outbox_->give_back(leases_[1].number);
  EXPECT_EQ(take_all(), (Bodies{"1"}));
}

TEST_F(OutboxTest, MemoryIsBoundedInBytesAndOneMessageMayBeLarger) {
  open();
  outbox_->put(text(std::string(5000, 'a')));
  outbox_->put(text("b"));
  EXPECT_EQ(metrics_.backlog_messages, 1u);
  EXPECT_EQ(take_all().size(), 1u);
  outbox_->done(leases_[0].number);
  EXPECT_EQ(take_all(), (Bodies{"b"}));
}

TEST_F(OutboxTest, IsDoneInAnyOrder) {
  open({.max_messages = 2});
  for (const char* body : {"a", "b", "c", "d", "e"}) outbox_->put(text(body));
  const auto a = outbox_->take();
  const auto b = outbox_->take();
  outbox_->done(b->number);
  const auto c = outbox_->take();
  outbox_->done(c->number);
  outbox_->give_back(a->number);
  settle();
  open({.max_messages = 10});
  EXPECT_EQ(take_all(), (Bodies{"a", "d", "e"}));
}

TEST_F(OutboxTest, OnlyTheRestIsKeptWhereItWas) {
  open();
  outbox_->put(text("all of it", 7));
  outbox_->put(text("b"));
  auto lease = outbox_->take();
  outbox_->replace(lease->number, text("rest", 3));
  EXPECT_EQ(metrics_.samples_waiting, 4u);
  outbox_->give_back(lease->number);
  lease = outbox_->take();
  EXPECT_EQ(lease->message->body, "rest");
  outbox_->replace(lease->number, text("less", 2));
  outbox_->give_back(lease->number);
  settle();
  open();
  EXPECT_EQ(metrics_.samples_waiting, 3u);
  EXPECT_EQ(take_all(), (Bodies{"less", "b"}));
}

TEST_F(OutboxTest, SavesWhatIsBeingSentWhenTheEndIsNear) {
  open();
  for (const char* body : {"a", "b", "c"}) outbox_->put(text(body));
  const auto a = outbox_->take();
  const auto b = outbox_->take();
  outbox_->save_all();
  outbox_->replace(b->number, text("rest of b"));
  outbox_->save_all();
  outbox_->done(a->number);
  settle();
  open();
  EXPECT_EQ(take_all(), (Bodies{"rest of b", "c"}));
}

TEST_F(OutboxTest, WithoutABacklogTheOldestIsGivenUp) {
  open({.max_messages = 3}, false);
  for (const char* body : {"a", "b", "c", "d", "e"}) outbox_->put(text(body, 2));
  EXPECT_EQ(metrics_.samples_given_up, 4u);
  EXPECT_EQ(metrics_.items_given_up, 2u);
  EXPECT_EQ(metrics_.samples_waiting, 6u);
  EXPECT_EQ(take_all(), (Bodies{"c", "d", "e"}));
  // What is being sent is not touched.
  outbox_->put(text("f", 2));
  EXPECT_EQ(metrics_.samples_given_up, 6u);
  outbox_->give_back(leases_[0].number);
  outbox_->done(leases_[1].number);
  EXPECT_EQ(take_all(), (Bodies{"c"}));
  EXPECT_TRUE(outbox_->settled());
}

// Everything at random: puts, leases in any order, partial answers, crashes, disks that are slow, full or broken.
TEST_F(OutboxTest, LosesNothingAndCountsExactlyWhateverHappens) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const auto chance = [&](uint32_t percent) { return random() % 100 < percent; };
    std::filesystem::remove_all(folder_.backlog());
    disk_ = {};
    outbox_.reset();
    open({.max_messages = 4, .max_bytes = 8000});
    std::deque<std::string> order;            // bodies' first words in the order of put()
    std::map<std::string, uint32_t> samples;  // of each that is not done
    std::map<std::string, Outbox::Lease> leased;
    uint64_t put = 0, done = 0, word_number = 0;
    const auto word_of = [](const Message& message) { return message.body.substr(0, message.body.find(' ')); };
    for (int step = 0; step < 400; ++step) {
      SCOPED_TRACE(step);
      const uint32_t what = random() % 100;
      if (what < 30) {
        const std::string word = std::to_string(word_number++);
        Message message = text(word + " " + numbered_message(random(), random() % 3000).body, random() % 9);
        put += message.samples;
        samples[word] = message.samples;
        order.push_back(word);
        outbox_->put(std::move(message));
      } else if (what < 55) {
        const auto lease = outbox_->take();
        if (!lease) continue;
        const std::string word = word_of(*lease->message);
        // The oldest one that is not being sent.
        for (const std::string& older : order) {
          if (older == word) break;
          ASSERT_TRUE(leased.contains(older)) << older << " was overtaken by " << word;
        }
        ASSERT_TRUE(samples.contains(word)) << word << " came back";
        ASSERT_EQ(lease->message->samples, samples[word]);
        ASSERT_TRUE(leased.emplace(word, *lease).second);
      } else if (what < 85 && !leased.empty()) {
        const auto chosen = std::next(leased.begin(), random() % leased.size());
        const auto [word, lease] = *chosen;
        if (chance(30)) {
          const uint32_t left = samples[word] / 2;
          done += samples[word] - left;
          samples[word] = left;
          outbox_->replace(lease.number, text(word + " rest", left));
          if (chance(50)) continue;
        }
        if (chance(50)) {
          done += samples[word];
          samples.erase(word);
          std::erase(order, word);
          outbox_->done(lease.number);
        } else {
          outbox_->give_back(lease.number);
        }
        leased.erase(word);
      } else if (what < 90) {
        disk_ = {.error = chance(60) ? 0 : chance(50) ? ENOSPC : EIO, .slow = chance(20)};
        disk_.bytes_in_spite = random() % 5000;
      } else if (what < 97) {
        tick();
      } else if (what < 98) {
        outbox_->save_all();
      } else {
        // The end, clean: nothing is lost, nothing comes twice.
        disk_ = {};
        outbox_->save_all();
        settle();
        open({.max_messages = 4, .max_bytes = 8000});
        leased.clear();
        put = 0, done = 0;
        uint64_t left = 0;
        for (const auto& [word, count] : samples) left += count;
        ASSERT_EQ(metrics_.samples_left_before, left);
        ASSERT_EQ(metrics_.backlog_damaged, 0u);
      }
      // The accounting of exporter_metrics.def.
      ASSERT_EQ(put + metrics_.samples_left_before, done + metrics_.samples_given_up +
                                                        metrics_.samples_backlog_dropped +
                                                        metrics_.samples_backlog_damaged + metrics_.samples_waiting);
      uint64_t waiting = 0;
      for (const auto& [word, count] : samples) waiting += count;
      ASSERT_EQ(metrics_.samples_waiting, waiting);
      ASSERT_EQ(outbox_->empty(), samples.empty());
    }
  }
}

// A crash at any moment, and then and now a byte of a segment that is not what it was. What was safe is there, in
// order; what was done may come again; and every sample that is found is counted until it is gone.
TEST_F(OutboxTest, AfterACrashWhatWasSafeIsThereAndDamageIsCountedExactly) {
  uint64_t came_again = 0, damaged = 0;
  for (uint32_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    outbox_.reset();
    std::filesystem::remove_all(folder_.backlog());
    disk_ = {};
    open({.max_messages = 4, .max_bytes = 8000});
    std::map<uint64_t, uint32_t> alive, safe;  // samples by the number that the body begins with
    std::map<uint64_t, Outbox::Lease> leased;
    uint64_t next = 1;
    for (int step = 0; step < 120; ++step) {
      const uint32_t what = random() % 100;
      if (what < 40) {
        Message message = text(std::to_string(next) + " " + numbered_message(next, random() % 3000).body, random() % 9);
        alive[next++] = message.samples;
        outbox_->put(std::move(message));
      } else if (what < 60) {
        if (const auto lease = outbox_->take()) leased.emplace(std::stoull(lease->message->body), *lease);
      } else if (what < 90 && !leased.empty()) {
        const auto chosen = std::next(leased.begin(), static_cast<ptrdiff_t>(random() % leased.size()));
        const auto [number, lease] = *chosen;
        leased.erase(chosen);
        if (random() % 3 == 0) {
          outbox_->give_back(lease.number);
          continue;
        }
        alive.erase(number);
        safe.erase(number);
        outbox_->done(lease.number);
      } else if (what < 95) {
        disk_.slow = random() % 3 == 0;
        tick();
      } else {
        disk_.slow = false;
        outbox_->save_all();
        settle();
        safe = alive;
      }
    }
    disk_.slow = true;  // whatever is under way is lost
    outbox_.reset();
    const auto segments = folder_.segments();
    const bool broken = seed % 3 == 0 && !segments.empty();
    if (broken) {
      const std::string& path = segments[random() % segments.size()];
      std::string bytes = read_file(path);
      if (!bytes.empty()) bytes[random() % bytes.size()] ^= static_cast<char>(1 + random() % 255);
      write_file(path, bytes);
    }
    disk_ = {};
    open({.max_messages = 4, .max_bytes = 8000});
    uint64_t samples = 0, before = 0;
    while (const auto lease = outbox_->take()) {
      const uint64_t number = std::stoull(lease->message->body);
      ASSERT_GT(number, before);
      before = number;
      samples += lease->message->samples;
      came_again += !alive.contains(number);
      safe.erase(number);
      outbox_->done(lease->number);
      ASSERT_EQ(metrics_.samples_left_before, samples + metrics_.samples_backlog_damaged + metrics_.samples_waiting);
    }
    ASSERT_EQ(metrics_.samples_waiting, 0u);
    ASSERT_TRUE(outbox_->empty());
    damaged += metrics_.backlog_damaged;
    if (!broken) {
      ASSERT_TRUE(safe.empty()) << safe.begin()->first << " was safe and is lost";
      ASSERT_EQ(metrics_.backlog_damaged, 0u);
    }
  }
  EXPECT_GT(damaged, 10u);
  EXPECT_GT(came_again, 0u) << "the test kills too gently";
}

}  // namespace
