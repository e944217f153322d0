// SPDX-License-Identifier: Apache-2.0
//
// What an encoder hands out, taken apart again: bodies into lines, lines into JSON, in the order in which they came.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "processor/elasticsearch/encoder.h"

namespace splitprof::test {

using Json = nlohmann::json;

struct EncodedItem {
  elasticsearch::Group group;
  std::string action_line;
  Json action, document;
  std::string index() const { return action.begin()->at("_index"); }
};

// Throws what nlohmann's parser throws.
inline std::vector<EncodedItem> items_of(const Message& message) {
  std::vector<EncodedItem> items;
  size_t begin = 0;
  while (begin < message.body.size()) {
    const size_t middle = message.body.find('\n', begin), end = message.body.find('\n', middle + 1);
    if (middle == std::string::npos || end == std::string::npos) throw std::runtime_error("a line has no end");
    EncodedItem item{
        static_cast<elasticsearch::Group>(message.kind), message.body.substr(begin, middle - begin), {}, {}};
    item.action = Json::parse(item.action_line);
    item.document = Json::parse(message.body.substr(middle + 1, end - middle - 1));
    items.push_back(std::move(item));
    begin = end + 1;
  }
  return items;
}

// An encoder whose messages are kept.
struct TestEncoder {
  explicit TestEncoder(ElasticsearchOptions with = {}, uint64_t seed = 1)
      : encoder(with, metrics, seed, [this](Message message) { messages.push_back(std::move(message)); }) {}

  template <typename Batch>
  std::vector<EncodedItem> encode(const Batch& batch, Times now = kNow) {
    encoder.encode(batch, now);
    encoder.flush();
    std::vector<EncodedItem> items;
    for (const Message& message : messages) {
      auto of_message = items_of(message);
      EXPECT_EQ(of_message.size(), message.items);
      EXPECT_EQ(message.samples,
                message.kind == static_cast<uint16_t>(elasticsearch::Group::events) ? message.items : 0);
      items.insert(items.end(), of_message.begin(), of_message.end());
    }
    messages.clear();
    return items;
  }

  static constexpr Times kNow{5'000'000'000'000, 1'788'000'010'500'000'000};
  ExporterMetrics metrics;
  std::vector<Message> messages;
  elasticsearch::Encoder encoder;
};

inline std::vector<EncodedItem> of_index(const std::vector<EncodedItem>& items, const std::string& index) {
  std::vector<EncodedItem> found;
  for (const auto& item : items) {
    if (item.index() == index) found.push_back(item);
  }
  return found;
}

}  // namespace splitprof::test
