// SPDX-License-Identifier: Apache-2.0
#include "processor/config/documents.h"

#include <algorithm>

#include "processor/config/url.h"

namespace splitprof::config {
namespace {

constexpr std::string_view kKeySeparator = "::";  // collector, confmap: KeyDelimiter

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

void add_document(Document& all, std::string_view text, uint32_t source, Problems& problems) {
  auto read = read_yaml(text, source, problems);
  if (!read) {
    all.whole = false;
    return;
  }
  Value document = std::move(*read);
  if (document.kind == Value::Kind::null) return;
  if (document.kind != Value::Kind::map) {
    problems.error(document.place, "a configuration is a map: receivers, exporters, service and so on");
    all.whole = false;
    return;
  }
  split_keys(document, kKeySeparator);
  merge(all.value, std::move(document));
}

// A name of a source, for messages: what is not a file may hold secrets.
std::string name_of(const std::string& location) {
  if (location.starts_with("file:")) return location.substr(5);
  if (location.starts_with("yaml:")) return "--config yaml:";
  return location.find("://") == location.npos ? location : shown_url(location);
}

void add_location(Document& all, const std::string& location, const Environment& environment, Problems& problems) {
  const uint32_t source = problems.add_source(name_of(location));
  const auto text = retrieve(location.find(':') == location.npos ? "file:" + location : location, environment);
  if (!text) {
    problems.error({source}, "{}", text.error().message);
    all.whole = false;
  } else if (text->from == Retrieved::From::nothing) {
    problems.error({source}, "is not set in the environment");
    all.whole = false;
  } else {
    add_document(all, text->text, source, problems);
  }
}

// "a.b=c" is the document "a::b: c", as the collector makes it of its own --set.
void add_setting(Document& all, const std::string& setting, Problems& problems) {
  const size_t equal = setting.find('=');
  const std::string key(trim(std::string_view(setting).substr(0, equal)));
  const uint32_t source = problems.add_source("--set " + (equal == setting.npos ? std::string() : key));
  if (equal == setting.npos || key.empty()) {
    problems.error({source}, "has to be KEY.KEY=VALUE, as in exporters.elasticsearch.timeout=30s");
    return;
  }
  std::string separated;
  for (const char c : key) separated += c == '.' ? std::string(kKeySeparator) : std::string(1, c);
  auto read = read_yaml(trim(std::string_view(setting).substr(equal + 1)), source, problems);
  if (!read) return;
  Value value = std::move(*read);
  value.place = {source};
  Value document;
  document.kind = Value::Kind::map;
  document.place = {source};
  document.entries.push_back({separated, {source}, std::move(value)});
  split_keys(document, kKeySeparator);
  merge(all.value, std::move(document));
}

}  // namespace

Document read_documents(const ConfigSources& sources, Problems& problems) {
  const Environment environment =
      sources.environment ? sources.environment : [](const std::string&) { return std::optional<std::string>(); };
  Document all;
  all.value.kind = Value::Kind::map;
  for (const auto& location : sources.documents) add_location(all, location, environment, problems);
  for (const auto& setting : sources.settings) add_setting(all, setting, problems);
  substitute(all.value, environment, problems);
  return all;
}

}  // namespace splitprof::config
