// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/json_files.h"

#include <fnmatch.h>
#include <glob.h>

#include <algorithm>
#include <map>
#include <set>

#include "processor/otlp/codec.h"
#include "processor/otlp/json_lines.h"
#include "processor/telemetry/receiver_metrics.h"
#include "shared/log.h"

namespace splitprof::otlp {
namespace {

constexpr size_t kMaxOpenFiles = 256;
constexpr size_t kMaxMatches = 10'000;
// In one tick, so that other components of the thread are not kept waiting: about 20 ms of decoding.
constexpr size_t kBytesPerTick = 4u << 20;
// After this long without its newline a last line is taken as it is.
constexpr uint64_t kUnfinishedNs = 1'000'000'000;

struct Followed {
  JsonLines lines;
  std::string path;
  bool at_end = false;
  uint64_t ended_at_ns = 0;  // when its end was reached
  bool unfinished_tried = false;
  bool matched = true;  // by the last poll
};

std::vector<std::string> expand(const OtlpJsonFileOptions& options) {
  std::set<std::string> found;
  for (const auto& pattern : options.include) {
    glob_t matches{};
    if (glob(pattern.c_str(), GLOB_NOSORT, nullptr, &matches) == 0)
      for (size_t i = 0; i < matches.gl_pathc && found.size() < kMaxMatches; ++i) found.insert(matches.gl_pathv[i]);
    globfree(&matches);
  }
  const auto excluded = [&](const std::string& path) {
    return std::any_of(options.exclude.begin(), options.exclude.end(), [&](const std::string& pattern) {
      return fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME) == 0;
    });
  };
  std::vector<std::string> out;
  for (const auto& path : found)
    if (!excluded(path)) out.push_back(path);
  return out;
}

}  // namespace

struct JsonFileReceiver::State {
  OtlpJsonFileOptions options;
  ProfilesConsumer& out;
  ReceiverMetrics counters;
  std::map<JsonLines::Identity, Followed> files;
  std::set<std::string> complained;  // paths that failed, once each
  uint64_t next_poll_ns = 0;
  bool polled = false;
  bool stopped = false;
  std::string line;

  // True: for the first time.
  bool complain(const std::string& path, const std::string& why) {
    if (complained.size() >= kMaxMatches || !complained.insert(path).second) return false;
    log::warn("receiver {}: {}: {}", options.name, log::printable(path), log::printable(why));
    return true;
  }
  void failed(const std::string& path, const std::string& why) { counters.files_failed += complain(path, why); }

  void poll() {
    for (auto& [identity, file] : files) file.matched = false;
    counters.files_waiting = 0;
    for (const auto& path : expand(options)) add(path);
    // Whatever is gone from its place is read to its end first: it may have been renamed.
    std::erase_if(files, [](const auto& entry) { return !entry.second.matched && entry.second.at_end; });
    polled = true;
  }

  void add(const std::string& path) {
    const auto identity = JsonLines::identify(path);
    if (!identity) return failed(path, identity.error().message);
    if (const auto known = files.find(*identity); known != files.end()) {
      known->second.matched = true;
      return;
    }
    if (files.size() >= kMaxOpenFiles) {
      ++counters.files_waiting;
      return;
    }
    auto opened = JsonLines::open(path);
    if (!opened) return failed(path, opened.error().message);
    if (!options.start_at_beginning && !polled) opened->skip_to_end();
    const auto opened_identity = opened->identity();
    files.emplace(opened_identity, Followed{std::move(*opened), path});
  }

  // Returns the bytes that were worked on.
  size_t follow(Followed& file, uint64_t now_ns, size_t budget) {
    size_t used = 0;
    while (used < budget) {
      const uint64_t too_long = file.lines.lines_too_long();
      const auto state = file.lines.next(line);
      counters.batches_too_large += file.lines.lines_too_long() - too_long;
      counters.files_truncated += file.lines.was_truncated();
      if (state == JsonLines::State::line) {
        used += line.size();
        take(line, file.path);
      } else if (state == JsonLines::State::more) {
        used += JsonLines::kReadBytes;
        file.at_end = false;
      } else {
        if (state == JsonLines::State::failed) failed(file.path, "it cannot be read");
        end_of(file, now_ns);
        break;
      }
    }
    return used;
  }

  void end_of(Followed& file, uint64_t now_ns) {
    if (!file.at_end) {
      file.at_end = true;
      file.ended_at_ns = now_ns;
      file.unfinished_tried = false;
    } else if (!file.unfinished_tried && now_ns - file.ended_at_ns >= kUnfinishedNs) {
      file.unfinished_tried = true;
      const auto last = file.lines.unfinished();
      if (last.empty()) return;
      // Half a line is no error: its end may still come.
      if (auto decoded = decode_profiles(last, Encoding::json)) {
        hand_on(*decoded, last.size());
        file.lines.drop_unfinished();
      }
    }
  }

  void take(std::string_view text, const std::string& path) {
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) return;
    const auto decoded = decode_profiles(text, Encoding::json);
    if (decoded) return hand_on(*decoded, text.size());
    ++(decoded.error().code == Errc::too_large ? counters.batches_too_large : counters.batches_malformed);
    complain(path, decoded.error().message);
  }

  void hand_on(const otel::Profiles& batch, size_t bytes) {
    counters.bytes_received += bytes;
    const uint64_t samples = batch.sample_count();
    if (samples == 0) {  // metrics, logs or traces, for instance
      ++counters.batches_empty;
      return;
    }
    ++counters.batches_received;
    counters.samples_received += samples;
    out.consume(batch);
  }

  bool all_at_end() const {
    return std::all_of(files.begin(), files.end(), [](const auto& entry) { return entry.second.at_end; });
  }
};

JsonFileReceiver::JsonFileReceiver(const OtlpJsonFileOptions& options, ProfilesConsumer& out)
    : state_(new State{.options = options, .out = out}) {}
JsonFileReceiver::~JsonFileReceiver() = default;

std::vector<std::string> JsonFileReceiver::readable_folders(const OtlpJsonFileOptions& options) {
  std::set<std::string> folders;
  for (const auto& pattern : options.include) {
    const auto folder = pattern.substr(0, pattern.rfind('/', pattern.find_first_of("*?[")));
    folders.insert(folder.empty() ? "/" : folder);
  }
  return {folders.begin(), folders.end()};
}

void JsonFileReceiver::tick(const Times& now) {
  State& state = *state_;
  if (state.stopped) return;
  if (now.monotonic_ns >= state.next_poll_ns) {
    // A replay begins anew when all has been read.
    if (state.options.replay_file && state.polled && state.all_at_end())
      for (auto& [identity, file] : state.files) {
        file.lines.start_again();
        file.at_end = false;
      }
    state.poll();
    state.next_poll_ns = now.monotonic_ns + state.options.poll_interval_ns;
  }
  size_t budget = kBytesPerTick;
  for (auto& [identity, file] : state.files) {
    budget -= std::min(budget, state.follow(file, now.monotonic_ns, budget));
    if (budget == 0) break;
  }
}

void JsonFileReceiver::stop(const Times&, uint64_t) {
  state_->stopped = true;
}

bool JsonFileReceiver::finished() const {
  return state_->stopped;
}

std::vector<NamedMetric> JsonFileReceiver::metrics() const {
  return list(state_->counters);
}

}  // namespace splitprof::otlp
