// SPDX-License-Identifier: Apache-2.0
//
// Documents for Elasticsearch encoded in a second of CPU time, by one thread: cold (nothing was written before) and
// warm (all stacks, frames and executables were), without and with gzip as requests are compressed. The input is made
// up and has the counts of a recording of a busy machine: 189 batches with 419 samples at 424 times, 357 distinct
// stacks, 934 frames with names, 28 files, 17 of them with frames without names, of which 112 are leaves.
#include <time.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "processor/elasticsearch/encoder.h"
#include "shared/check.h"
#include "tests/bench/table.h"
#include "tests/processor/elasticsearch/build_profiles.h"

namespace splitprof::elasticsearch {
namespace {

constexpr size_t kBatches = 189, kSamples = 419, kTimes = 424, kStacks = 357, kNamed = 934, kFiles = 28;
constexpr size_t kFilesWithoutNames = 17, kLeavesWithoutName = 112, kProcesses = 12;
constexpr int kRepeats = 300;
constexpr uint64_t kBegin = 1'788'000'000'000'000'000;

struct MadeUpFrame {
  size_t file;       // 0: none; 1: the kernel
  uint64_t address;  // or the line
  std::string type, function, source;
};
using MadeUpStack = std::vector<MadeUpFrame>;  // leaf first

std::vector<MadeUpStack> make_stacks() {
  std::mt19937 random(1);
  const char* const runtimes[] = {"cpython", "v8js", "jvm", "perl"};
  std::vector<MadeUpFrame> named;
  for (size_t i = 0; i < kNamed; ++i) {
    const std::string number = std::to_string(i);
    if (i % 2 == 0) {
      named.push_back({1, 0x100000 + 97 * i, "kernel", "do_something_in_the_kernel_" + number, ""});
    } else {
      named.push_back({0, 10 + i, runtimes[i / 2 % 4], "Handler.process_request_" + number,
                       "/srv/app/lib/package/module_" + std::to_string(i % 50) + ".py"});
    }
  }
  std::vector<MadeUpStack> stacks(kStacks);
  size_t next_named = 0;
  for (size_t i = 0; i < kStacks; ++i) {
    MadeUpStack& stack = stacks[i];
    // The kernel above the runtime above what started it, or native code all the way down.
    const auto native = [&](uint64_t address) {
      return MadeUpFrame{2 + random() % kFilesWithoutNames, address, "native", "", ""};
    };
    if (i < kLeavesWithoutName) {
      stack.push_back(native(0x1000 + 64 * i));
      stack.back().file = 2 + i % kFilesWithoutNames;
    }
    const size_t names = 3 + random() % 5;
    for (size_t k = 0; k < names; ++k) stack.push_back(named[next_named++ % kNamed]);
    const size_t below = 2 + random() % 6;
    for (size_t k = 0; k < below; ++k) stack.push_back(native(0x200000 + 16 * (random() % 4000)));
  }
  return stacks;
}

std::string file_hash(size_t file) {
  char digits[33];
  std::snprintf(digits, sizeof digits, "%016zx%016zx", file * 0x9e3779b97f4a7c15, file * 0xbf58476d1ce4e5b9);
  return digits;
}

// Each with a dictionary of its own, which has what its samples need.
std::vector<otel::Profiles> make_batches() {
  const auto stacks = make_stacks();
  std::mt19937 random(2);
  std::vector<size_t> order;
  for (size_t i = 0; i < kSamples; ++i) order.push_back(i < kStacks ? i : random() % kStacks);
  std::shuffle(order.begin(), order.end(), random);
  std::vector<otel::Profiles> batches;
  size_t times = 0;
  for (size_t batch = 0; batch < kBatches; ++batch) {
    test::ProfilesBuilder builder;
    const size_t process = batch % kProcesses;
    builder.resource({{"process.pid", {static_cast<int64_t>(1000 + process)}},
                      {"process.executable.name", {"program-" + std::to_string(process)}},
                      {"service.name", {"service-" + std::to_string(process)}},
                      {"container.id", {file_hash(process + 100)}},
                      {"host.id", {std::string("5f0c1d2e3b4a59687766554433221100")}},
                      {"host.name", {std::string("node-7.example.org")}}});
    builder.profile(20);
    std::array<int32_t, kFiles + 2> mappings{};
    const auto mapping = [&](size_t file) {
      if (file > 0 && mappings[file] == 0) {
        mappings[file] =
            builder.mapping(file == 1 ? "vmlinux" : "libexample-" + std::to_string(file) + ".so.1", file_hash(file));
      }
      return mappings[file];
    };
    mapping(1 + batch % kFiles);
    const size_t end = (batch + 1) * kSamples / kBatches;
    for (size_t i = batch * kSamples / kBatches; i < end; ++i) {
      std::vector<int32_t> locations;
      for (const auto& frame : stacks[order[i]]) {
        std::vector<test::ProfilesBuilder::Line> lines;
        const auto line = frame.file == 0 ? static_cast<int64_t>(frame.address) : 0;
        if (!frame.function.empty()) lines.push_back({frame.function, frame.source, line, 0});
        locations.push_back(
            builder.location(frame.type, mapping(frame.file), frame.file == 0 ? 0 : frame.address, lines));
      }
      std::vector<uint64_t> at{kBegin + 50'000'000 * times++ + random() % 1'000'000};
      if (i % (kSamples / (kTimes - kSamples)) == 0 && times + (kSamples - i - 1) < kTimes)
        at.push_back(kBegin + 50'000'000 * times++);
      auto& profile = builder.batch.resources.back().scopes.back().profiles.back();
      const auto thread = builder.text_attribute(otel::key::kThreadName, "worker-" + std::to_string(i % 9));
      builder.sample(profile, builder.stack(locations), at, {thread});
    }
    batches.push_back(std::move(builder.batch));
  }
  return batches;
}

double cpu_s() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

class Gzip {
 public:
  Gzip() { CHECK(deflateInit2(&stream_, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK); }
  ~Gzip() { deflateEnd(&stream_); }
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;
  size_t compress(const std::string& body) {
    CHECK(deflateReset(&stream_) == Z_OK);
    out_.resize(deflateBound(&stream_, body.size()));
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
    stream_.avail_in = static_cast<uInt>(body.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out_.data());
    stream_.avail_out = static_cast<uInt>(out_.size());
    CHECK(deflate(&stream_, Z_FINISH) == Z_STREAM_END);
    return out_.size() - stream_.avail_out;
  }

 private:
  z_stream stream_{};
  std::string out_;
};

struct Measured {
  std::vector<double> per_second, bytes, event_bytes, documents;
};

Measured measure(const std::vector<otel::Profiles>& batches, bool warm, bool gzip) {
  Gzip compressor;
  ExporterMetrics metrics;
  uint64_t bytes = 0, event_bytes = 0, events = 0;
  const auto out = [&](const Message& message) {
    const size_t size = gzip ? compressor.compress(message.body) : message.body.size();
    bytes += size;
    if (message.samples > 0) event_bytes += size, events += message.samples;
  };
  const Times now{1'000'000'000'000, kBegin};
  const auto fresh = [&] { return std::make_unique<Encoder>(ElasticsearchOptions{}, metrics, 1, out); };
  auto encoder = fresh();
  const auto encode_all = [&] {
    for (const auto& batch : batches) encoder->encode(batch, now);
    encoder->flush();
  };
  encode_all();
  Measured measured;
  for (int i = 0; i < kRepeats; ++i) {
    bytes = event_bytes = events = 0;
    const uint64_t before = metrics.items_encoded;
    const double begin = cpu_s();
    if (!warm) encoder = fresh();
    encode_all();
    const double seconds = cpu_s() - begin;
    const auto documents = static_cast<double>(metrics.items_encoded - before);
    CHECK(events == kTimes);
    measured.per_second.push_back(documents / seconds);
    measured.bytes.push_back(static_cast<double>(bytes));
    measured.event_bytes.push_back(static_cast<double>(event_bytes) / static_cast<double>(events));
    measured.documents.push_back(documents);
  }
  return measured;
}

// What remembers the documents that were written, filled: more stacks, frames and files than it keeps.
void print_memory() {
  constexpr size_t kBatchesToFill = 20, kStacksOfBatch = 10'000;
  ExporterMetrics metrics;
  Encoder encoder({}, metrics, 1, [](const Message&) {});
  uint64_t next = 0;
  for (size_t batch = 0; batch < kBatchesToFill; ++batch) {
    test::ProfilesBuilder builder;
    builder.resource({{"host.id", {std::string("5f0c1d2e3b4a59687766554433221100")}}});
    auto& profile = builder.profile(20);
    for (size_t i = 0; i < kStacksOfBatch; ++i, ++next) {
      const auto mapping = builder.mapping("libexample.so.1", file_hash(next + 1));
      const auto leaf = builder.location("native", mapping, next);
      const auto named = builder.location("native", mapping, next, {{"function", "file.c", 1, 0}});
      builder.sample(profile, builder.stack({leaf, named}), {kBegin});
    }
    encoder.encode(builder.batch, {1'000'000'000'000, kBegin});
    encoder.flush();
  }
  print_row("Elasticsearch: memory of what was written, full", "bytes", {static_cast<double>(encoder.memory_bytes())});
}

void run() {
  print_memory();
  const auto batches = make_batches();
  for (const bool gzip : {false, true}) {
    for (const bool warm : {false, true}) {
      auto measured = measure(batches, warm, gzip);
      const std::string name =
          std::string("Elasticsearch: ") + (warm ? "warm" : "cold") + (gzip ? ", gzip level 1" : "");
      print_row(name, "documents/s", std::move(measured.per_second));
      if (!gzip) print_row(name + ": documents", "1", std::move(measured.documents));
      print_row(name + ": all bodies", "bytes", std::move(measured.bytes));
      if (warm) print_row(name + ": an event", "bytes", std::move(measured.event_bytes));
    }
  }
}

}  // namespace
}  // namespace splitprof::elasticsearch

int main() {
  splitprof::elasticsearch::run();
}
