// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/bodies.h"

#include <utility>

namespace splitprof::elasticsearch {

Bodies::Bodies(uint64_t max_bytes, ExporterMetrics& metrics, Out out)
    : max_bytes_(max_bytes), metrics_(metrics), out_(std::move(out)) {}

std::string& Bodies::begin(Group group) {
  Body& body = of(group);
  body.begin = body.text.size();
  return body.text;
}

void Bodies::end(Group group, uint32_t samples) {
  Body& body = of(group);
  batch_bytes_ += body.text.size() - body.begin;
  ++metrics_.items_encoded;
  if (body.text.size() > max_bytes_ && body.begin > 0) {
    const std::string last = body.text.substr(body.begin);
    body.text.resize(body.begin);
    hand_out(group, body);
    body.text = last;
  }
  ++body.items;
  body.samples += samples;
}

// Small bodies are copied, so that neither they nor the next ones carry room that they do not need.
void Bodies::hand_out(Group group, Body& body) {
  constexpr size_t kCopyBytes = 1u << 18;
  Message message{static_cast<uint16_t>(group), body.items, body.samples, {}};
  if (body.text.size() <= kCopyBytes) {
    message.body = body.text;
  } else {
    message.body = std::move(body.text);
    message.body.shrink_to_fit();
    body.text = std::string();
  }
  body.text.clear();
  body.items = body.samples = 0;
  out_(std::move(message));
}

void Bodies::flush() {
  for (size_t i = 0; i < kGroups; ++i) {
    if (bodies_[i].items > 0) hand_out(static_cast<Group>(i + 1), bodies_[i]);
  }
}

uint64_t Bodies::bytes() const {
  uint64_t bytes = 0;
  for (const Body& body : bodies_) bytes += body.text.size();
  return bytes;
}

}  // namespace splitprof::elasticsearch
