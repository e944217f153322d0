// SPDX-License-Identifier: Apache-2.0
#include "processor/config/substitution.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace splitprof::config {
namespace {

// Of all values together. The collector's own bound is 1,000 for each value (confmap, expand.go).
constexpr size_t kMaxSubstitutions = 1000;
constexpr size_t kMaxBytes = 4 * kMaxDocumentBytes;

struct Reference {
  size_t begin = 0, end = 0;  // from "${" to behind "}"
};

// The first innermost reference that no "$" before it makes plain text.
std::optional<Reference> find_reference(std::string_view text) {
  for (size_t from = 0;;) {
    const size_t close = text.find('}', from);
    if (close == text.npos) return {};
    const size_t open = text.substr(0, close).rfind("${");
    if (open != text.npos && open >= from) {
      size_t dollars = 0;
      while (dollars < open && text[open - 1 - dollars] == '$') ++dollars;
      if (dollars % 2 == 0) return Reference{open, close + 1};
    }
    from = close + 1;
  }
}

std::string without_escapes(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if (text.substr(i, 2) == "$$") ++i;
  }
  return out;
}

// Collector, confmap/internal/envvar: [a-zA-Z_][a-zA-Z0-9_]*
bool is_variable_name(std::string_view name) {
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0 &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0; });
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Errc::io, "cannot be read: {}", std::strerror(errno));
  std::string text(kMaxDocumentBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return fail(Errc::io, "cannot be read");
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kMaxDocumentBytes) return fail(Errc::too_large, "more than {} bytes", kMaxDocumentBytes);
  return text;
}

class Substitution {
 public:
  Substitution(const Environment& environment, Problems& problems) : environment_(environment), problems_(problems) {}

  void expand(Value& value, size_t depth) {
    for (auto& item : value.items) expand(item, depth + 1);
    for (auto& entry : value.entries) expand(entry.value, depth + 1);
    if (value.kind == Value::Kind::scalar) expand_scalar(value, depth);
  }

 private:
  void expand_scalar(Value& value, size_t depth) {
    bool inserted = false;  // what stands in the text now may be secret
    while (const auto reference = find_reference(value.text)) {
      if (depth > kMaxDepth || ++count_ > kMaxSubstitutions || bytes_ > kMaxBytes) {
        if (!exhausted_) problems_.error(value.place, "too many or too large ${{…}} here or before");
        exhausted_ = true;
        value.text.clear();
        return;
      }
      const std::string inner = value.text.substr(reference->begin + 2, reference->end - reference->begin - 3);
      const auto found = retrieve(inner.find(':') == inner.npos ? "env:" + inner : inner, environment_);
      const std::string shown = inserted ? "a reference in what was inserted here" : inner.substr(0, inner.find(":-"));
      if (!found) {
        problems_.error(value.place, "{}: {}", shown, inserted ? "cannot be had" : found.error().message);
        value.text.clear();
        return;
      }
      if (found->from == Retrieved::From::nothing)
        problems_.note(value.place, "{} is not set in the environment; nothing stands in its place", shown);
      const std::string& text = found->text;
      inserted = true;
      bytes_ += text.size() + value.text.size();
      if (reference->begin == 0 && reference->end == value.text.size()) {
        replace_whole(value, *found);
        if (value.kind == Value::Kind::scalar) continue;
        return expand(value, depth + 1);
      }
      value.text.replace(reference->begin, reference->end - reference->begin, text);
    }
    value.text = without_escapes(value.text);
  }

  // Lists, maps and nothing are what the text says; everything else keeps the text, of which each key makes its own.
  void replace_whole(Value& value, const Retrieved& found) {
    const std::string& text = found.text;
    Problems not_yaml;
    auto read = read_yaml(text, value.place.source, not_yaml);
    if (not_yaml.any()) read = {};
    if (read && (read->kind == Value::Kind::list || read->kind == Value::Kind::map)) {
      values_ += count(*read);
      if (values_ <= kMaxValues) {
        move_to(value.place, *read);
        value = std::move(*read);
        return;
      }
    }
    value.text = text;
    value.quoted = (read && read->quoted) || (found.from == Retrieved::From::default_value && text.empty());
    if (read && read->kind == Value::Kind::null && !value.quoted) value.kind = Value::Kind::null;
  }

  static size_t count(const Value& value) {
    size_t sum = 1;
    for (const auto& item : value.items) sum += count(item);
    for (const auto& entry : value.entries) sum += count(entry.value);
    return sum;
  }
  // What comes out of a variable stands where the variable is named.
  static void move_to(Place place, Value& value) {
    value.place = place;
    for (auto& item : value.items) move_to(place, item);
    for (auto& entry : value.entries) {
      entry.place = place;
      move_to(place, entry.value);
    }
  }

  const Environment& environment_;
  Problems& problems_;
  size_t count_ = 0, bytes_ = 0, values_ = 0;
  bool exhausted_ = false;
};

}  // namespace

Result<Retrieved> retrieve(const std::string& location, const Environment& environment) {
  const size_t colon = location.find(':');
  const std::string scheme = location.substr(0, colon);
  std::string rest = colon == location.npos ? std::string() : location.substr(colon + 1);
  if (scheme == "yaml") return Retrieved{rest};
  if (scheme == "file") {
    Retrieved out;
    out.text = TRY(read_file(rest));
    return out;
  }
  if (scheme != "env") return fail(Errc::unsupported, "is none of env:NAME, env:NAME:-DEFAULT, file:PATH, yaml:TEXT");

  std::optional<std::string> by_default;
  if (const size_t at = rest.find(":-"); at != rest.npos) {
    by_default = rest.substr(at + 2);
    rest.resize(at);
  }
  if (!is_variable_name(rest)) return fail(Errc::malformed, "a variable's name has letters, digits and _ only");
  if (const auto value = environment(rest)) return Retrieved{*value};
  if (by_default) return Retrieved{*by_default, Retrieved::From::default_value};
  return Retrieved{"", Retrieved::From::nothing};
}

void substitute(Value& value, const Environment& environment, Problems& problems) {
  Substitution(environment, problems).expand(value, 0);
}

}  // namespace splitprof::config
