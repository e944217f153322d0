// SPDX-License-Identifier: Apache-2.0
//
// ProfileDocuments: decides which documents a batch of profiles makes: an event for each time of a sample, copies of it
// for the thinned-out streams, and what is written once of stacks, frames, executables and hosts. A profile of another
// kind, or one that breaks the format, is left out whole and counted. Export thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "processor/elasticsearch/bodies.h"
#include "processor/elasticsearch/documents.h"
#include "processor/elasticsearch/downsampling.h"
#include "processor/elasticsearch/stacks.h"
#include "processor/elasticsearch/time_text.h"
#include "processor/elasticsearch/written_once.h"
#include "processor/pipelines/component.h"

namespace splitprof::elasticsearch {

class ProfileDocuments {
 public:
  struct Options {
    bool symbolization_queues = true;
    bool downsampled_events = true;
  };

  // All but `options` outlive it.
  ProfileDocuments(Options options, const Documents& documents, WrittenOnce& written, Bodies& bodies,
                   ExporterMetrics& metrics, uint64_t seed);

  void encode(const otel::Profiles& batch, const Times& now);

 private:
  struct Source {
    const otel::Dictionary& dictionary;
    const otel::Profile& profile;
    const Metadata& metadata;
    std::optional<EventParts> parts;  // made for the first event
  };

  bool encode_profile(const otel::Profiles& batch, const otel::Profile& profile, const Metadata& metadata);
  // True: the profile has been counted and is left out.
  bool refuse(const otel::Dictionary& dictionary, const otel::Profile& profile);
  void refuse_because(const char* why, uint64_t samples);
  void encode_sample(Source& source, const otel::Sample& sample);
  // Puts what the sample's events share into of_sample_.
  void begin_events(Source& source, const otel::Sample& sample, const Stack& stack);
  // As event_ has them, `count` times.
  void write_events(uint64_t count);
  void write_stack(const otel::Dictionary& dictionary, Stack& stack, uint64_t unix_time);
  void write_trace(const Stack& stack, uint64_t unix_time);
  void write_frame(const otel::Dictionary& dictionary, Frame& frame, uint64_t unix_time);
  void request_names(Frame& frame, bool leaf);
  void write_executables(const otel::Dictionary& dictionary);
  void write_host(const Metadata& metadata);

  Options options_;
  const Documents& documents_;
  WrittenOnce& written_;
  Bodies& bodies_;
  ExporterMetrics& metrics_;
  Downsampling downsampling_;
  Stacks stacks_;
  TimeText times_;
  Times now_;
  uint64_t more_events_ = 0;  // of values above 1, that this batch may still make
  uint64_t log_again_ns_ = 0;
  // Used again and again.
  std::string event_, of_sample_, frame_ids_, frame_types_, scratch_;
  std::vector<uint8_t> types_;
};

}  // namespace splitprof::elasticsearch
