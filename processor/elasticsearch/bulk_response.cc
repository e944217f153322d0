// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/bulk_response.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace splitprof::elasticsearch {
namespace {

using nlohmann::json;

constexpr size_t kMaxTextBytes = 512;
constexpr unsigned kMaxDepth = 64;
constexpr size_t kMaxErrorBytes = 64u << 10;

// Follows {"items": [{ACTION: {"status": …, "error": {…}}}, …]} and steps over everything else.
class Reader final : public nlohmann::json_sax<json> {
 public:
  explicit Reader(size_t expected) : expected_(expected) { items_.reserve(std::min<size_t>(expected, 1u << 16)); }

  Result<std::vector<ItemOutcome>> finish(bool whole) {
    if (!trouble_.empty()) return fail(Errc::malformed, "{}", trouble_);
    if (!whole) return fail(Errc::malformed, "the answer is not JSON");
    if (items_.size() != expected_)
      return fail(Errc::malformed, "the answer is about {} documents, the request had {}", items_.size(), expected_);
    return std::move(items_);
  }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool number_integer(number_integer_t) override { return true; }  // negative: no status
  bool number_unsigned(number_unsigned_t value) override {
    if (!at(kOutcome) || key_ != "status") return true;
    if (value < 100 || value > 999) return broken("a status that is none of HTTP's");
    items_.back().status = static_cast<int>(value);
    return true;
  }
  bool string(string_t& value) override {
    if (at(kOutcome)) {
      if (key_ == "_index") keep(value, items_.back().index);
      if (key_ == "failure_store") keep(value, items_.back().failure_store);
      if (key_ == "error") keep(value, items_.back().error_type);  // Elasticsearch before 2.0; and proxies
    } else if (at(kError) && in_error_) {
      if (key_ == "type") keep(value, items_.back().error_type);
      if (key_ == "reason") keep(value, items_.back().error_reason);
    }
    return true;
  }
  bool key(string_t& value) override {
    key_ = std::move(value);
    return true;
  }
  bool start_object(size_t) override {
    const bool was_outcome = at(kOutcome);
    if (++depth_ > kMaxDepth) return broken("an answer that is nested too deep");
    if (depth_ == 1) root_is_object_ = true;
    if (!in_items_) return true;
    if (depth_ == kItem) {
      if (items_.size() == expected_) return broken("more documents than were sent");
      items_.emplace_back();
    }
    if (depth_ == kOutcome) {
      if (items_.back().status != 0) return broken("two outcomes of one document");
      if (key_.empty()) return broken("an outcome without an action");
    }
    if (depth_ == kError) in_error_ = was_outcome && key_ == "error";
    return true;
  }
  bool end_object() override {
    if (depth_ == kError) in_error_ = false;
    if (in_items_ && depth_ == kItem && items_.back().status == 0) return broken("a document without a status");
    if (at(kOutcome) && items_.back().status == 0) return broken("an outcome without a status");
    --depth_;
    return true;
  }
  bool start_array(size_t) override {
    if (++depth_ > kMaxDepth) return broken("an answer that is nested too deep");
    if (in_items_ && (depth_ == kItem || depth_ == kOutcome)) return broken("a list where a document should be");
    if (depth_ == kItems && root_is_object_ && key_ == "items" && !seen_items_) in_items_ = seen_items_ = true;
    return true;
  }
  bool end_array() override {
    if (depth_ == kItems) in_items_ = false;
    --depth_;
    return true;
  }
  bool parse_error(size_t position, const std::string&, const json::exception&) override {
    return broken(fmt::format("the answer is not JSON, or ends too early, at byte {}", position));
  }

 private:
  // Open objects and arrays inside of each.
  static constexpr unsigned kItems = 2, kItem = 3, kOutcome = 4, kError = 5;

  bool at(unsigned depth) const { return in_items_ && depth_ == depth && !items_.empty(); }
  static void keep(const string_t& value, std::string& into) { into.assign(value, 0, kMaxTextBytes); }
  bool broken(std::string why) {
    trouble_ = std::move(why);
    return false;
  }

  size_t expected_;
  std::vector<ItemOutcome> items_;
  std::string key_, trouble_;
  unsigned depth_ = 0;
  bool root_is_object_ = false, seen_items_ = false, in_items_ = false, in_error_ = false;
};

}  // namespace

Result<std::vector<ItemOutcome>> parse_bulk_response(std::string_view text, size_t items) {
  Reader reader(items);
  const bool whole = json::sax_parse(text, &reader);
  auto outcomes = reader.finish(whole);
  if (!outcomes) return outcomes;
  for (auto& outcome : *outcomes)
    if (outcome.status <= 201) outcome = ItemOutcome{.status = outcome.status};
  return outcomes;
}

std::string error_type_of(std::string_view text) {
  if (text.size() > kMaxErrorBytes) return {};
  const auto answer = json::parse(text, nullptr, false);
  if (!answer.is_object()) return {};
  const auto error = answer.find("error");
  if (error == answer.end() || !error->is_object()) return {};
  const auto type = error->find("type");
  if (type == error->end() || !type->is_string()) return {};
  return type->get_ref<const std::string&>().substr(0, kMaxTextBytes);
}

}  // namespace splitprof::elasticsearch
