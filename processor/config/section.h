// SPDX-License-Identifier: Apache-2.0
//
// Section: a map of the configuration while its keys are asked for, one by one. It remembers which were: at its end
// every other key is an error that names the nearest right one. A key that is absent, or null, leaves the variable as
// it is, so that defaults stand in the option structs only. Problems are collected, never thrown: one run finds all.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "processor/config/problems.h"
#include "processor/config/value.h"

namespace splitprof::config {

class Section {
 public:
  // `where`: for messages, "exporters.elasticsearch/eu". `keys`, where not null, gets the path of each key that is
  // asked for, with `kind` for `where`: "exporters.elasticsearch.timeout".
  Section(const Value& value, std::string where, std::string kind, Problems& problems, std::set<std::string>* keys);
  ~Section();
  Section(const Section&) = delete;
  Section& operator=(const Section&) = delete;

  bool has(std::string_view key);  // it is there, and not null
  // Something stands there; no key is marked as known.
  bool contains(std::initializer_list<std::string_view> path) const;
  // Of the key, or of the section where it is absent.
  Place place(std::string_view key) const;
  std::string path(std::string_view key) const { return where_ + "." + std::string(key); }

  void text(std::string_view key, std::string& out);
  void flag(std::string_view key, bool& out);
  void integer(std::string_view key, int64_t min, int64_t max, int64_t& out);
  template <typename Number>
  void number(std::string_view key, int64_t min, int64_t max, Number& out) {
    int64_t value = static_cast<int64_t>(out);
    integer(key, min, max, value);
    out = static_cast<Number>(value);
  }
  void real(std::string_view key, double min, double max, double& out);
  void duration(std::string_view key, int64_t min_ns, int64_t max_ns, int64_t& out);
  void duration(std::string_view key, int64_t min_ns, int64_t max_ns, uint64_t& out);
  // Bytes: a number, or one with KiB, MiB or GiB.
  void size(std::string_view key, int64_t min, int64_t max, uint64_t& out);
  // Which of `choices` it is.
  void choice(std::string_view key, std::initializer_list<std::string_view> choices, size_t& out);
  template <typename Enum>
  void choice(std::string_view key, std::initializer_list<std::string_view> choices, Enum& out) {
    size_t index = static_cast<size_t>(out);
    choice(key, choices, index);
    out = static_cast<Enum>(index);
  }
  // A list, or one text whose parts stand between commas, as the collector takes both.
  void texts(std::string_view key, std::vector<std::string>& out);
  // The map of that key, empty where it is absent.
  Section section(std::string_view key) { return section(key, key); }
  Section section(std::string_view key, std::string_view kind);  // `kind`: what the key is called among known keys
  // Of entries that the document names itself.
  std::vector<std::string> names() const;
  // What is below a key that names its own entries, such as headers; null when it is absent.
  const Value* anything(std::string_view key);
  // Likewise, but a null that stands there is something, too: "rotation:" alone asks for rotation.
  const Value* anything_or_null(std::string_view key);

  // Accepted whatever it is; has no effect here, for this reason.
  void ignore(std::string_view key, std::string_view why);
  void ignore(std::initializer_list<std::string_view> keys, std::string_view why);
  // An error, unless it is absent, or asks for nothing: false, 0, "" or empty. Without a reason: "not supported
  // yet".
  void refuse(std::string_view key, std::string_view why);
  void refuse(std::initializer_list<std::string_view> keys, std::string_view why);
  // `old` is another name of `key`: the value moves. Both is an error.
  void rename(std::string_view old, std::string_view key);

  template <typename... Args>
  void error(std::string_view key, fmt::format_string<Args...> format, Args&&... args) {
    problems_.error(place(key), "{}: {}", where_, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void note(std::string_view key, fmt::format_string<Args...> format, Args&&... args) {
    problems_.note(place(key), "{}: {}", where_, fmt::format(format, std::forward<Args>(args)...));
  }
  Problems& problems() { return problems_; }
  const std::string& where() const { return where_; }

 private:
  const Entry* ask(std::string_view key);         // marks it as known
  const Value* ask_scalar(std::string_view key);  // null: absent, or an error that was said

  Value value_;
  const std::string where_, kind_;
  Problems& problems_;
  std::set<std::string>* const keys_;
  std::set<std::string, std::less<>> asked_;
};

// For messages: short, without control characters.
std::string shown(std::string_view text);

}  // namespace splitprof::config
