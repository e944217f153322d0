// SPDX-License-Identifier: Apache-2.0
#include "processor/config/section.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "processor/config/duration.h"
#include "processor/config/nearest.h"

namespace splitprof::config {
namespace {

constexpr size_t kMaxTextBytes = 1u << 16;  // of one value

bool says_no(const Value& value) {
  if (value.kind == Value::Kind::null) return true;
  if (value.kind == Value::Kind::scalar)
    return value.text.empty() || value.text == "false" || value.text == "0" || value.text == "0s" ||
           value.text == "0.0";
  return value.items.empty() && value.entries.empty();
}

std::optional<bool> parse_flag(std::string_view text) {
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  return {};
}

std::optional<int64_t> parse_integer(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  int base = 10;
  if (text.starts_with("0x")) base = 16;
  if (text.starts_with("0o")) base = 8;
  if (base != 10) text.remove_prefix(2);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return {};
  return negative ? -value : value;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 60)) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return text.size() > 60 ? out + "…" : out;
}

Section::Section(const Value& value, std::string where, std::string kind, Problems& problems,
                 std::set<std::string>* keys)
    : value_(value), where_(std::move(where)), kind_(std::move(kind)), problems_(problems), keys_(keys) {
  if (value.kind == Value::Kind::map || value.kind == Value::Kind::null) return;
  problems_.error(value.place, "{} has to be a map of keys", where_);
  value_ = Value{};
  value_.place = value.place;
}

Section::~Section() {
  std::vector<std::string> known(asked_.begin(), asked_.end());
  for (const auto& entry : value_.entries) {
    if (asked_.contains(entry.key)) continue;
    const auto meant = nearest(entry.key, known);
    problems_.error(entry.place, "{}: unknown key \"{}\"{}", where_, shown(entry.key),
                    meant.empty() ? "" : fmt::format("; did you mean \"{}\"?", meant));
  }
}

const Entry* Section::ask(std::string_view key) {
  asked_.emplace(key);
  if (keys_) keys_->insert((kind_.empty() ? "" : kind_ + ".") + std::string(key));
  const auto* entry = value_.find(key);
  return entry && entry->value.kind != Value::Kind::null ? entry : nullptr;
}

const Value* Section::ask_scalar(std::string_view key) {
  const auto* entry = ask(key);
  if (!entry) return nullptr;
  if (entry->value.kind != Value::Kind::scalar) {
    problems_.error(entry->value.place, "{} has to be a single value", path(key));
    return nullptr;
  }
  return &entry->value;
}

bool Section::has(std::string_view key) {
  return ask(key) != nullptr;
}

bool Section::contains(std::initializer_list<std::string_view> path) const {
  const Value* value = &value_;
  for (const auto key : path) {
    const auto* entry = value->find(key);
    if (!entry) return false;
    value = &entry->value;
  }
  return value->kind != Value::Kind::null;
}

Place Section::place(std::string_view key) const {
  const auto* entry = value_.find(key);
  if (!entry) return value_.place;
  // Behind a key whose value stands on the same line nobody looks further than the value.
  return entry->value.kind == Value::Kind::scalar ? entry->value.place : entry->place;
}

void Section::text(std::string_view key, std::string& out) {
  const auto* value = ask_scalar(key);
  if (!value) return;
  if (value->text.size() > kMaxTextBytes)
    problems_.error(value->place, "{}: more than {} bytes", path(key), kMaxTextBytes);
  else
    out = value->text;
}

void Section::flag(std::string_view key, bool& out) {
  const auto* value = ask_scalar(key);
  if (!value) return;
  if (const auto read = parse_flag(value->text))
    out = *read;
  else
    problems_.error(value->place, "{} has to be true or false, not \"{}\"", path(key), shown(value->text));
}

void Section::integer(std::string_view key, int64_t min, int64_t max, int64_t& out) {
  const auto* value = ask_scalar(key);
  if (!value) return;
  const auto read = parse_integer(value->text);
  if (read && *read >= min && *read <= max) {
    out = *read;
    return;
  }
  const std::string range =
      max == INT64_MAX ? fmt::format("of at least {}", min) : fmt::format("from {} to {}", min, max);
  problems_.error(value->place, "{} has to be a whole number {}, not \"{}\"", path(key), range, shown(value->text));
}

void Section::real(std::string_view key, double min, double max, double& out) {
  const auto* value = ask_scalar(key);
  if (!value) return;
  double read = 0;
  const auto* end_of_text = value->text.data() + value->text.size();
  const auto [end, error] = std::from_chars(value->text.data(), end_of_text, read);
  if (error == std::errc() && end == end_of_text && std::isfinite(read) && read >= min && read <= max)
    out = read;
  else
    problems_.error(value->place, "{} has to be a number from {} to {}, not \"{}\"", path(key), min, max,
                    shown(value->text));
}

void Section::duration(std::string_view key, int64_t min_ns, int64_t max_ns, int64_t& out) {
  const auto* value = ask_scalar(key);
  if (!value) return;
  const auto read = parse_duration_ns(value->text);
  if (!read) {
    problems_.error(value->place, "{} {}, not \"{}\"", path(key), read.error().message, shown(value->text));
  } else if (*read < min_ns || *read > max_ns) {
    const std::string range = max_ns == INT64_MAX
                                  ? fmt::format("at least {}", print_duration(min_ns))
                                  : fmt::format("from {} to {}", print_duration(min_ns), print_duration(max_ns));
    problems_.error(value->place, "{} has to be {}, not \"{}\"", path(key), range, shown(value->text));
  } else {
    out = *read;
  }
}

void Section::duration(std::string_view key, int64_t min_ns, int64_t max_ns, uint64_t& out) {
  auto value = static_cast<int64_t>(out);
  duration(key, min_ns, max_ns, value);
  out = static_cast<uint64_t>(value);
}

void Section::size(std::string_view key, int64_t min, int64_t max, uint64_t& out) {
  const auto* value = ask_scalar(key);
  if (!value) return;
  std::string_view text = value->text;
  int shift = 0;
  for (const auto& [unit, bits] : {std::pair{"KiB", 10}, {"MiB", 20}, {"GiB", 30}}) {
    if (!text.ends_with(unit)) continue;
    text = trim(text.substr(0, text.size() - 3));
    shift = bits;
  }
  const auto read = parse_integer(text);
  if (read && *read >= 0 && *read <= (INT64_MAX >> shift) && (*read << shift) >= min && (*read << shift) <= max)
    out = static_cast<uint64_t>(*read) << shift;
  else
    problems_.error(value->place, "{} has to be from {} to {} bytes, as in \"512MiB\", not \"{}\"", path(key), min, max,
                    shown(value->text));
}

void Section::choice(std::string_view key, std::initializer_list<std::string_view> choices, size_t& out) {
  const auto* value = ask_scalar(key);
  if (!value) return;
  const auto found = std::find(choices.begin(), choices.end(), value->text);
  if (found != choices.end()) {
    out = static_cast<size_t>(found - choices.begin());
    return;
  }
  std::string list;
  for (const auto& choice : choices) list += (list.empty() ? "" : ", ") + std::string(choice);
  problems_.error(value->place, "{} has to be one of {}, not \"{}\"", path(key), list, shown(value->text));
}

void Section::texts(std::string_view key, std::vector<std::string>& out) {
  const auto* entry = ask(key);
  if (!entry) return;
  std::vector<std::string> read;
  if (entry->value.kind == Value::Kind::scalar) {
    for (std::string_view rest = entry->value.text; !rest.empty();) {
      const size_t comma = std::min(rest.find(','), rest.size());
      if (const auto part = trim(rest.substr(0, comma)); !part.empty()) read.emplace_back(part);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  } else if (entry->value.kind == Value::Kind::list) {
    for (const auto& item : entry->value.items) {
      if (item.kind == Value::Kind::scalar)
        read.push_back(item.text);
      else
        problems_.error(item.place, "{} has to be a list of single values", path(key));
    }
  } else {
    problems_.error(entry->value.place, "{} has to be a list", path(key));
    return;
  }
  out = std::move(read);
}

std::vector<std::string> Section::names() const {
  std::vector<std::string> out;
  for (const auto& entry : value_.entries) out.push_back(entry.key);
  return out;
}

Section Section::section(std::string_view key, std::string_view kind) {
  const auto* entry = ask(key);
  Value none;
  none.place = place(key);
  return Section(entry ? entry->value : none, path(key), kind_ + "." + std::string(kind), problems_, keys_);
}

const Value* Section::anything(std::string_view key) {
  const auto* entry = ask(key);
  return entry ? &entry->value : nullptr;
}

const Value* Section::anything_or_null(std::string_view key) {
  (void)ask(key);
  const auto* entry = value_.find(key);
  return entry ? &entry->value : nullptr;
}

void Section::ignore(std::string_view key, std::string_view why) {
  if (const auto* entry = ask(key)) problems_.note(entry->place, "{} has no effect: {}", path(key), why);
}

void Section::ignore(std::initializer_list<std::string_view> keys, std::string_view why) {
  for (const auto key : keys) ignore(key, why);
}

void Section::refuse(std::string_view key, std::string_view why) {
  const auto* entry = ask(key);
  if (!entry || says_no(entry->value)) return;
  if (why.empty())
    problems_.error(entry->place, "not supported yet: {}", path(key));
  else
    problems_.error(entry->place, "{}: {}", path(key), why);
}

void Section::refuse(std::initializer_list<std::string_view> keys, std::string_view why) {
  for (const auto key : keys) refuse(key, why);
}

void Section::rename(std::string_view old, std::string_view key) {
  const auto* entry = ask(old);
  if (!entry) return;
  if (value_.find(key)) {
    problems_.error(entry->place, "{} is another name of {}, which stands here too: keep one", path(old), key);
    return;
  }
  for (auto& each : value_.entries)
    if (each.key == old) each.key = key;
}

}  // namespace splitprof::config
