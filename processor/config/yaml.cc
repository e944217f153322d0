// SPDX-License-Identifier: Apache-2.0
//
// read_yaml(): yaml-cpp's events to a tree of ours. Not YAML::Node, which knows no place of keys, takes the same key
// twice, and lets a few lines of aliases stand for gigabytes.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <unordered_set>

#include "processor/config/value.h"

namespace splitprof::config {
namespace {

struct Refused {
  YAML::Mark mark;
  std::string why;
};

size_t values_in(const Value& value) {
  size_t count = 1;
  for (const auto& item : value.items) count += values_in(item);
  for (const auto& entry : value.entries) count += values_in(entry.value);
  return count;
}

size_t depth_of(const Value& value) {
  size_t deepest = 0;
  for (const auto& item : value.items) deepest = std::max(deepest, depth_of(item));
  for (const auto& entry : value.entries) deepest = std::max(deepest, depth_of(entry.value));
  return deepest + 1;
}

class Builder : public YAML::EventHandler {
 public:
  Builder(uint32_t source, Problems& problems) : source_(source), problems_(problems) {}

  Value take() { return std::move(top_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, size_t label) override {
    Value value;
    value.place = place(mark);
    finish(mark, std::move(value), label);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, size_t label, const std::string& text) override {
    Value value;
    value.kind = Value::Kind::scalar;
    value.place = place(mark);
    value.text = text;
    // yaml-cpp's tag of what was written without quotes is "?", with them "!".
    value.quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
    check_tag(mark, tag);
    finish(mark, std::move(value), label);
  }
  void OnAlias(const YAML::Mark& mark, size_t label) override {
    const auto found = labelled_.find(label);
    if (found == labelled_.end()) throw Refused{mark, "an alias stands within what it is an alias of"};
    if (open_.size() + depth_of(found->second) > kMaxDepth) throw Refused{mark, too_deep()};
    count(mark, values_in(found->second) - 1);
    finish(mark, found->second, 0);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, size_t label,
                       YAML::EmitterStyle::value) override {
    begin(mark, tag, label, Value::Kind::list);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, size_t label, YAML::EmitterStyle::value) override {
    begin(mark, tag, label, Value::Kind::map);
  }
  void OnMapEnd() override { end(); }

 private:
  struct Open {
    Value value;
    YAML::Mark mark;
    size_t label = 0;
    bool has_key = false;
    std::string key;
    Place key_place;
    std::unordered_set<std::string> keys;
    std::vector<Value> merged;  // of "<<"
  };

  Place place(const YAML::Mark& mark) const {
    return {source_, static_cast<uint32_t>(mark.line + 1), static_cast<uint32_t>(mark.column + 1)};
  }
  static std::string too_deep() { return fmt::format("more than {} levels", kMaxDepth); }

  void count(const YAML::Mark& mark, size_t more) {
    values_ += more;
    if (values_ > kMaxValues) throw Refused{mark, fmt::format("more than {} values", kMaxValues)};
  }
  void check_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!" || tag == "tag:yaml.org,2002:str") return;
    problems_.error(place(mark), "tags as !!binary or !name are not understood here");
  }

  void begin(const YAML::Mark& mark, const std::string& tag, size_t label, Value::Kind kind) {
    if (open_.size() >= kMaxDepth) throw Refused{mark, too_deep()};
    if (!open_.empty() && expects_key()) throw Refused{mark, "a key has to be a word, not a list or a map"};
    check_tag(mark, tag);
    Open open;
    open.value.kind = kind;
    open.value.place = place(mark);
    open.mark = mark;
    open.label = label;
    open_.push_back(std::move(open));
  }

  void end() {
    Open open = std::move(open_.back());
    open_.pop_back();
    // Of what "<<" brings in, the map's own keys win, then the first of several (YAML 1.1, "Merge Key").
    for (auto& from : open.merged)
      for (auto& entry : from.entries)
        if (open.keys.insert(entry.key).second) open.value.entries.push_back(std::move(entry));
    finish(open.mark, std::move(open.value), open.label);
  }

  bool expects_key() const { return open_.back().value.kind == Value::Kind::map && !open_.back().has_key; }

  void finish(const YAML::Mark& mark, Value value, size_t label) {
    count(mark, 1);
    if (label != 0) {
      count(mark, values_in(value));
      labelled_[label] = value;
    }
    if (open_.empty()) {
      top_ = std::move(value);
      return;
    }
    auto& open = open_.back();
    if (open.value.kind == Value::Kind::list) {
      open.value.items.push_back(std::move(value));
    } else if (!open.has_key) {
      if (value.kind != Value::Kind::scalar) throw Refused{mark, "a key has to be a word"};
      open.key = std::move(value.text);
      open.key_place = value.place;
      open.has_key = true;
    } else {
      open.has_key = false;
      add_entry(open, std::move(value));
    }
  }

  void add_entry(Open& open, Value value) {
    if (open.key == "<<") {
      if (value.kind == Value::Kind::map) {
        open.merged.push_back(std::move(value));
      } else if (value.kind == Value::Kind::list) {
        for (auto& item : value.items) open.merged.push_back(std::move(item));
      } else {
        problems_.error(open.key_place, "\"<<\" needs a map, or a list of maps");
      }
      return;
    }
    if (!open.keys.insert(open.key).second) {
      problems_.error(open.key_place, "key \"{}\" stands twice in the same map", open.key);
      return;
    }
    open.value.entries.push_back({std::move(open.key), open.key_place, std::move(value)});
  }

  const uint32_t source_;
  Problems& problems_;
  Value top_;
  std::vector<Open> open_;
  std::map<size_t, Value> labelled_;  // what aliases can stand for, by yaml-cpp's number of its label (&name)
  size_t values_ = 0;
};

// The place of the first byte that text may not hold. RFC 3629: no overlong forms, no surrogates, up to U+10FFFF.
bool check_bytes(std::string_view text, uint32_t source, Problems& problems) {
  Place place{source, 1, 1};
  for (size_t i = 0; i < text.size();) {
    const auto byte = [&](size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u; };
    const unsigned first = byte(i), second = byte(i + 1);
    size_t length = 0;
    if (first > 0 && first < 0x80) length = 1;
    if (first >= 0xc2 && first <= 0xdf) length = 2;
    if (first >= 0xe0 && first <= 0xef) length = 3;
    if (first >= 0xf0 && first <= 0xf4) length = 4;
    const bool bad_second = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
                            (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
    bool good = length > 0 && !bad_second;
    for (size_t k = 1; k < length; ++k) good = good && (byte(i + k) & 0xc0) == 0x80;
    if (!good) {
      problems.error(place, "{}", first == 0 ? "a byte of value 0, which no text has" : "not UTF-8");
      return false;
    }
    place.column += 1;
    if (first == '\n') place = {source, place.line + 1, 1};
    i += length;
  }
  return true;
}

}  // namespace

std::optional<Value> read_yaml(std::string_view text, uint32_t source, Problems& problems) {
  if (text.size() > kMaxDocumentBytes) {
    problems.error({source}, "more than {} bytes", kMaxDocumentBytes);
    return {};
  }
  if (!check_bytes(text, source, problems)) return {};
  const auto refuse = [&](const YAML::Mark& mark, const std::string& why) {
    problems.error({source, static_cast<uint32_t>(mark.line + 1), static_cast<uint32_t>(mark.column + 1)}, "{}", why);
    return std::optional<Value>();
  };
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    Builder builder(source, problems), second(source, problems);
    if (!parser.HandleNextDocument(builder)) return Value{};
    if (parser.HandleNextDocument(second))
      problems.error(second.take().place, "a second document; one file holds one, and --config can be repeated");
    return builder.take();
  } catch (const Refused& refused) {
    return refuse(refused.mark, refused.why);
  } catch (const YAML::Exception& error) {
    // What follows a colon in yaml-cpp's messages is text of the document, which may be secret.
    return refuse(error.mark, "no valid YAML: " + error.msg.substr(0, error.msg.find(':')));
  }
}

}  // namespace splitprof::config
