// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/profile_documents.h"

#include <algorithm>
#include <iterator>

#include "processor/elasticsearch/attribute_json.h"
#include "processor/elasticsearch/frame_types.h"
#include "shared/log.h"

namespace splitprof::elasticsearch {
namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000;

// The longest keyword holds 1,023 frame ids of 32 bytes. Of a deeper stack the leaf's side stays, which says what ran,
// and some of the root's, by which stacks are put together; the same share of both as our own walks keep.
constexpr size_t kMaxFrames = kMaxTextBytes / 32;
constexpr size_t kRootFrames = 256;

// A sample's value says how many events one of its times stands for. Batches of the profiler's have none above 1.
constexpr int64_t kMaxEventsOfOneTime = 1 << 20;
constexpr uint64_t kMaxMoreEvents = 1 << 17;  // in one batch

// What a server assumes where it is not told (x-pack plugin "profiling"); for profiles that do not say.
constexpr uint64_t kAssumedSamplesPerSecond = 19;

bool equal_but_for_case(std::string_view a, std::string_view lower) {
  return std::ranges::equal(a, lower, [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x - 'A' + 'a' : x) == y; });
}

bool is_of_type(const otel::StringTable& strings, const otel::ValueType& type, std::string_view name,
                std::string_view unit) {
  return equal_but_for_case(strings[type.type], name) && equal_but_for_case(strings[type.unit], unit);
}

uint64_t samples_per_second(int64_t period_ns) {
  if (period_ns <= 0) return kAssumedSamplesPerSecond;
  const auto period = static_cast<uint64_t>(period_ns);
  return std::max<uint64_t>(1, (kNsPerSecond + period / 2) / period);
}

// Of the time with number `i`; 0: it stands for nothing.
uint64_t events_at(const otel::Profile& profile, const otel::Sample& sample, size_t i) {
  const auto values = part_of(profile.values, sample.values);
  if (i >= values.size()) return 1;
  return static_cast<uint64_t>(std::clamp<int64_t>(values[i], 0, kMaxEventsOfOneTime));
}

uint64_t samples_in(const otel::Profile& profile, const otel::Sample& sample) {
  uint64_t samples = 0;
  for (size_t i = 0; i < sample.timestamps.count; ++i) samples += std::max<uint64_t>(1, events_at(profile, sample, i));
  return std::max<uint64_t>(1, samples);
}

uint64_t samples_in(const otel::Profile& profile) {
  uint64_t samples = 0;
  for (const auto& sample : profile.samples) samples += samples_in(profile, sample);
  return samples;
}

// What the sample itself says of one thing; null: nothing.
const otel::Value* attribute_of(const otel::Dictionary& dictionary, const otel::Profile& profile,
                                const otel::Sample& sample, std::string_view key) {
  for (const int32_t index : part_of(profile.indices, sample.attributes)) {
    const otel::Attribute* attribute = dictionary.attribute(index);
    if (attribute != nullptr && dictionary.strings[attribute->key] == key) return &attribute->value;
  }
  return nullptr;
}

std::string_view base_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

ProfileDocuments::ProfileDocuments(Options options, const Documents& documents, WrittenOnce& written, Bodies& bodies,
                                   ExporterMetrics& metrics, uint64_t seed)
    : options_(options),
      documents_(documents),
      written_(written),
      bodies_(bodies),
      metrics_(metrics),
      downsampling_(seed) {}

void ProfileDocuments::encode(const otel::Profiles& batch, const Times& now) {
  now_ = now;
  more_events_ = kMaxMoreEvents;
  stacks_.begin(batch.dictionary);
  bool some = false;
  for (const auto& resource : batch.resources) {
    for (const auto& scope : resource.scopes) {
      for (const auto& profile : scope.profiles) {
        const Metadata metadata(batch.dictionary, resource.resource, scope.scope, profile);
        some |= encode_profile(batch, profile, metadata);
      }
    }
  }
  if (some) write_executables(batch.dictionary);
}

bool ProfileDocuments::encode_profile(const otel::Profiles& batch, const otel::Profile& profile,
                                      const Metadata& metadata) {
  metrics_.samples_received += samples_in(profile);
  if (refuse(batch.dictionary, profile)) return false;
  Source source{batch.dictionary, profile, metadata, {}};
  for (const auto& sample : profile.samples) encode_sample(source, sample);
  write_host(metadata);
  return true;
}

bool ProfileDocuments::refuse(const otel::Dictionary& dictionary, const otel::Profile& profile) {
  const char* why = nullptr;
  if (!is_of_type(dictionary.strings, profile.sample_type, "samples", "count") ||
      !is_of_type(dictionary.strings, profile.period_type, "cpu", "nanoseconds")) {
    why = "it does not count samples of CPU time";
  } else if (std::ranges::any_of(profile.samples, [&](const otel::Sample& sample) {
               return stacks_.find(sample.stack).state == Stack::State::malformed;
             })) {
    why = "a frame has no profile.frame.type, or too long a list of lines";
  }
  if (why != nullptr) refuse_because(why, samples_in(profile));
  return why != nullptr;
}

void ProfileDocuments::refuse_because(const char* why, uint64_t samples) {
  constexpr uint64_t kLogEveryNs = 60 * kNsPerSecond;
  ++metrics_.profiles_unsupported;
  metrics_.samples_without_document += samples;
  if (now_.monotonic_ns < log_again_ns_) return;
  log_again_ns_ = now_.monotonic_ns + kLogEveryNs;
  log::warn("a profile of {} samples makes no documents: {}; {} such profiles so far", samples, why,
            metrics_.profiles_unsupported);
}

void ProfileDocuments::encode_sample(Source& source, const otel::Sample& sample) {
  const auto times = part_of(source.profile.timestamps_ns, sample.timestamps);
  Stack& stack = stacks_.find(sample.stack);
  if (times.empty() || stack.state != Stack::State::good || bodies_.batch_is_full()) {
    metrics_.samples_without_document += samples_in(source.profile, sample);
    return;
  }
  if (!stack.seen) write_stack(source.dictionary, stack, times.front());

  // What all events of the sample share is put together for the first one: many samples of a hostile batch have none.
  of_sample_.clear();
  for (size_t i = 0; i < times.size(); ++i) {
    const uint64_t asked = events_at(source.profile, sample, i);
    const uint64_t more = asked > 1 ? std::min(asked - 1, more_events_) : 0;
    more_events_ -= more;
    const uint64_t events = std::min(asked, 1 + more);
    metrics_.samples_without_document += std::max<uint64_t>(1, asked) - events;
    if (events == 0) continue;
    if (of_sample_.empty()) begin_events(source, sample, stack);
    event_ = source.parts->head;
    event_ += times_.format(times[i]);
    event_ += of_sample_;
    write_events(events);
  }
}

void ProfileDocuments::begin_events(Source& source, const otel::Sample& sample, const Stack& stack) {
  if (!source.parts) {
    source.parts = documents_.event_parts(source.metadata, samples_per_second(source.profile.period));
  }
  const EventParts& parts = *source.parts;
  const JsonText json(metrics_.texts_cut);
  const auto text = [&](std::string_view key) {
    const auto* value = attribute_of(source.dictionary, source.profile, sample, key);
    return value == nullptr ? std::string_view() : as_text(*value, scratch_);
  };
  of_sample_ = parts.middle;
  of_sample_ += stack.id;
  of_sample_ += parts.thread;
  json.append_quoted(of_sample_, text(otel::key::kThreadName));
  if (parts.executable_is_of_sample) append_event_field(of_sample_, json, kExecutableName, text(kExecutableName), true);
  if (parts.service_is_of_sample) append_event_field(of_sample_, json, kServiceName, text(kServiceName), false);
  of_sample_ += parts.tail;
}

void ProfileDocuments::write_events(uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) {
    if (bodies_.batch_is_full()) {
      metrics_.samples_without_document += count - i;
      return;
    }
    bodies_.begin(Group::events).append(documents_.event_action(0)).append(event_);
    bodies_.end(Group::events, 1);
    const unsigned levels = options_.downsampled_events ? downsampling_.level() : 0;
    for (unsigned level = 1; level <= levels; ++level) {
      bodies_.begin(Group::downsampled).append(documents_.event_action(level)).append(event_);
      bodies_.end(Group::downsampled);
    }
  }
}

void ProfileDocuments::write_stack(const otel::Dictionary& dictionary, Stack& stack, uint64_t unix_time) {
  stack.seen = true;
  if (bodies_.batch_is_full()) return;
  if (written_.stacktraces.insert(stack.id, now_.monotonic_ns)) write_trace(stack, unix_time);
  bool leaf = true;
  for (const uint32_t number : stacks_.frames_of(stack)) {
    Frame& frame = stacks_.frame(number);
    if (!frame.frame_seen) write_frame(dictionary, frame, unix_time);
    if (options_.symbolization_queues && !frame.symbolized) request_names(frame, leaf);
    frame.frame_seen = true;
    leaf = false;
  }
}

void ProfileDocuments::write_trace(const Stack& stack, uint64_t unix_time) {
  const auto frames = stacks_.frames_of(stack);
  frame_ids_.clear();
  frame_types_.clear();
  types_.clear();
  const auto add = [&](std::span<const uint32_t> numbers) {
    for (size_t i = numbers.size(); i-- > 0;) {
      const Frame& frame = stacks_.frame(numbers[i]);
      frame_ids_ += frame.id;
      types_.push_back(frame.type);
    }
  };
  if (frames.size() <= kMaxFrames) {
    add(frames);
  } else {
    ++metrics_.stacks_cut;
    add(frames.last(kRootFrames));
    add(frames.first(kMaxFrames - kRootFrames));
  }
  append_frame_types(frame_types_, types_);
  documents_.stacktrace(bodies_.begin(Group::stacktraces), stack.id, frame_ids_, frame_types_,
                        times_.format(unix_time));
  bodies_.end(Group::stacktraces);
}

void ProfileDocuments::write_frame(const otel::Dictionary& dictionary, Frame& frame, uint64_t unix_time) {
  if (!frame.symbolized || bodies_.batch_is_full()) return;
  if (!written_.stackframes.insert(frame.id, now_.monotonic_ns)) return;
  documents_.stackframe(bodies_.begin(Group::stackframes), frame.id, dictionary, *frame.location,
                        times_.format(unix_time));
  bodies_.end(Group::stackframes);
}

void ProfileDocuments::request_names(Frame& frame, bool leaf) {
  if (leaf && !frame.leaf_seen) {
    frame.leaf_seen = true;
    if (written_.leaf_frame_requests.insert(frame.id, now_.monotonic_ns)) {
      append_leaf_frame_request(bodies_.begin(Group::executables), frame.id, times_.format(now_.unix_ns));
      bodies_.end(Group::executables);
    }
  }
  if (frame.frame_seen || (frame.type & kErrorFrame) != 0) return;
  const FileIdText file = file_id_text(frame.file);
  if (!written_.executable_requests.insert(file, now_.monotonic_ns)) return;
  append_executable_request(bodies_.begin(Group::executables), file, times_.format(now_.unix_ns));
  bodies_.end(Group::executables);
}

void ProfileDocuments::write_executables(const otel::Dictionary& dictionary) {
  const uint64_t week_s = week_of(now_.unix_ns / kNsPerSecond);
  for (size_t i = 1; i < dictionary.mappings.size() && !bodies_.batch_is_full(); ++i) {
    const auto name = base_name(dictionary.strings[dictionary.mappings[i].filename]);
    const FileId file = stacks_.file_of(static_cast<int32_t>(i));
    if (name.empty() || file == kNoFile) continue;
    if (!written_.executables.insert(file_id_text(file), now_.monotonic_ns)) continue;
    documents_.executable(bodies_.begin(Group::executables), file, name, week_s);
    bodies_.end(Group::executables);
  }
}

void ProfileDocuments::write_host(const Metadata& metadata) {
  const auto id = metadata.text("host.id", scratch_);
  if (id.empty() || bodies_.batch_is_full() || !written_.hosts.insert(id, now_.monotonic_ns)) return;
  documents_.host(bodies_.begin(Group::executables), id, metadata, now_.unix_ns / kNsPerSecond);
  bodies_.end(Group::executables);
}

}  // namespace splitprof::elasticsearch
