// SPDX-License-Identifier: Apache-2.0
//
// Problems: everything that is wrong with a configuration, with its places, and what is accepted but has no effect.
// Filled while documents are read, printed once at the end. Messages never hold values of keys that may be secret.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <string>
#include <vector>

namespace splitprof::config {

// Where something stands. Lines and columns count from 1; line 0: the source as a whole.
struct Place {
  uint32_t source = 0;
  uint32_t line = 0, column = 0;
};

class Problems {
 public:
  // A document, a setting or the command line. `name` begins each of its messages.
  uint32_t add_source(std::string name);

  template <typename... Args>
  void error(Place place, fmt::format_string<Args...> format, Args&&... args) {
    add(errors_, place, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void note(Place place, fmt::format_string<Args...> format, Args&&... args) {
    add(notes_, place, fmt::format(format, std::forward<Args>(args)...));
  }

  bool any() const { return !errors_.empty(); }
  // A line each, in the order of the documents: "otel.yml:3:5: …".
  std::string errors() const;
  std::vector<std::string> notes() const;

 private:
  struct Message {
    Place place;
    std::string text;
  };
  void add(std::vector<Message>& list, Place place, std::string text);
  std::vector<std::string> lines(std::vector<Message> list) const;

  std::vector<std::string> sources_;
  std::vector<Message> errors_, notes_;
};

}  // namespace splitprof::config
